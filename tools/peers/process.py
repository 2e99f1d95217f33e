"""Commands of other engines: output goes to a log, and a failure names the command and the log's last line."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class NotRunError(Exception):
    """A step of a peer failed; the message is the command and its last line."""


def run_logged(
    command: Sequence[str], log: Path, shown: str, variables: Mapping[str, str] | None = None, timeout: float = 1800
) -> None:
    """Run ``command`` in the folder of ``log``, which receives its output.

    Args:
        shown: the command as the error message names it.
        variables: environment variables; None passes on this process's own.

    Raises:
        NotRunError: it failed or took longer than ``timeout`` seconds.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as stream:
        try:
            status = subprocess.run(
                command,
                stdout=stream,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                timeout=timeout,
                check=False,
                cwd=log.parent,
                env=variables,
            ).returncode
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NotRunError(f"`{shown}`: {error.__class__.__name__}") from error
    if status:
        raise NotRunError(f"`{shown}`: status {status}: {last_line(log) or 'no output'}")


def run_module(python: Path, module: str, arguments: Sequence[str | Path], log: Path) -> None:
    """Run ``tools.peers.<module>`` in the environment of ``python``; error messages show its path arguments' names.

    Raises:
        NotRunError: see :func:`run_logged`.
    """
    shown = " ".join([module, *(word.name for word in arguments if isinstance(word, Path))])
    command = [str(python), "-m", f"tools.peers.{module}", *map(str, arguments)]
    run_logged(command, log, shown, module_variables(python))


def module_variables(python: Path) -> dict[str, str]:
    """Environment variables under which ``python`` imports :mod:`tools.peers` and installs nothing.

    Some converters run ``pip install`` by themselves, with whichever pip comes first on PATH: they find the pip of
    their own environment, and that one finds no index.
    """
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PIP_NO_INDEX": "1",
        "PATH": f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }


def last_line(log: Path) -> str:
    """The last line of ``log`` that is not blank, or an empty string."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else ""
