"""Environments of the peers: pinned, made on first use, kept in the cache."""

from __future__ import annotations

import shlex
import subprocess
import sys
import venv
from pathlib import Path

from .contestants import EXECUTORCH, ONNX2TF, PEERS

PINS = {
    # pnnx asks for PyTorch, which its converter does not need: without dependencies it stays small.
    PEERS: (
        ("openvino==2026.4.1", "nncf==3.4.0", "MNN==3.6.1", "numpy==2.4.6", "onnx==1.23.2", "pillow==13.0.0"),
        ("ncnn==1.0.20261020", "pnnx==20261020"),
    ),
    EXECUTORCH: (("executorch==1.5.1", "torch==2.13.0", "safetensors==0.8.0", "tqdm==4.70.1", "pillow==13.0.0"), ()),
    ONNX2TF: (("onnx2tf==1.29.24", "tensorflow-cpu==2.19.1", "numpy==1.26.4"), ()),
}
"""Name -> (packages with what they ask for, packages without)."""


class NotRunError(Exception):
    """A step of a peer failed; the message is the command and its last line."""


def python_of(name: str, cache: Path) -> Path:
    """Python of the environment ``name``, made if it is absent or its pins have changed.

    Raises:
        NotRunError: it cannot be made here.
    """
    folder = cache / "environments" / name
    python, stamp = folder / "bin" / "python", folder / "pins.txt"
    wanted = repr(PINS[name])
    if stamp.is_file() and stamp.read_text() == wanted:
        return python
    print(f"making the environment of {name}", file=sys.stderr)
    venv.create(folder, clear=True, with_pip=True)
    whole, bare = PINS[name]
    for options, pins in (((), whole), (("--no-deps",), bare)):
        if pins:
            run([str(python), "-m", "pip", "install", "--quiet", *options, *pins], folder / "install.log")
    stamp.write_text(wanted)
    return python


def run(command: list[str], log: Path, timeout: int = 1200) -> None:
    """Run ``command`` with its output in ``log``.

    Raises:
        NotRunError: it failed or took longer than ``timeout`` seconds.
    """
    shown = shlex.join([Path(command[0]).name, *(Path(word).name for word in command[1:])])
    with log.open("wb") as stream:
        try:
            status = subprocess.run(
                command, stdout=stream, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=timeout, check=False
            ).returncode
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NotRunError(f"`{shown}`: {error.__class__.__name__}") from error
    if status:
        lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
        raise NotRunError(f"`{shown}`: status {status}: {lines[-1] if lines else 'no output'}")
