"""Calls of trtexec, NVIDIA's engine builder."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import ModelFileError, UsageError
from ...files import atomic_path

if TYPE_CHECKING:
    from .plan import Plan

# JetPack installs it here, outside PATH.
JETSON_TRTEXEC = Path("/usr/src/tensorrt/bin/trtexec")

_BANNER_SECONDS = 30


def find_trtexec() -> str | None:
    """trtexec from PATH, or from where JetPack installs it."""
    return shutil.which("trtexec") or (str(JETSON_TRTEXEC) if JETSON_TRTEXEC.is_file() else None)


def ask_version(trtexec: str) -> tuple[int, ...] | None:
    """TensorRT's version from the banner of trtexec's help; None if there is none."""
    from .plan import parse_banner

    try:
        answer = subprocess.run(
            [trtexec, "--help"], capture_output=True, text=True, errors="replace", timeout=_BANNER_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_banner(answer.stdout + answer.stderr)


class _BuildFailedError(Exception):
    """trtexec failed; the unfinished engine is to be removed."""


def build(trtexec: str, plan: Plan) -> int:
    """Build the engine under another name and rename it if trtexec succeeds; returns trtexec's status.

    Raises:
        ModelFileError: trtexec reported success but wrote nothing.
    """
    status = 0
    try:
        with atomic_path(plan.engine) as temporary:
            status = _status([trtexec, *plan.build(temporary)])
            if status:
                raise _BuildFailedError
            if not temporary.stat().st_size:
                raise ModelFileError(f"trtexec wrote no engine for {plan.model}; see its output above")
    except _BuildFailedError:
        pass
    return status


def _status(command: list[str]) -> int:
    """Run a command with our output; its exit status, as a shell gives it if a signal ended it."""
    try:
        code = subprocess.run(command, check=False).returncode
    except OSError as error:
        raise UsageError(f"cannot run {command[0]}: {error.strerror}") from error
    return 128 - code if code < 0 else code
