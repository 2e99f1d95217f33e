"""Environments of other engines: pinned, made on first use, kept in a cache folder."""

from __future__ import annotations

import functools
import shlex
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .process import run_logged

_LIST_VERSIONS = (
    "import importlib.metadata as m; print(*(f'{d.metadata[\"Name\"].lower()}={d.version}' for d in m.distributions()))"
)


@dataclass(frozen=True)
class Environment:
    """A virtual environment.

    Attributes:
        pins: requirements, installed with what they depend on.
        bare: requirements, installed without their dependencies.
    """

    name: str
    pins: tuple[str, ...]
    bare: tuple[str, ...] = ()

    def pinned_version(self, package: str) -> str:
        """The version of ``package`` that this environment asks for, ``?`` without a pin."""
        versions = dict(pin.split("==") for pin in self.pins + self.bare)
        return versions.get(package, "?")


OWN = Environment("own", ())
"""The environment this process runs in."""

ONNXRUNTIME = Environment("onnxruntime", ("onnxruntime==1.32.0", "numpy==2.4.6"))
OPENVINO = Environment("openvino", ("openvino==2026.4.1", "nncf==3.4.0", "numpy==2.4.6", "pillow==13.0.0"))
# pnnx depends on PyTorch, which its converter does not need: without dependencies it stays small.
NCNN = Environment("ncnn", ("numpy==2.4.6",), ("ncnn==1.0.20261020", "pnnx==20261020"))
MNN = Environment("mnn", ("MNN==3.6.1", "numpy==2.4.6", "onnx==1.23.2", "pillow==13.0.0"))
EXECUTORCH = Environment(
    "executorch", ("executorch==1.5.1", "torch==2.13.0", "safetensors==0.8.0", "tqdm==4.70.1", "pillow==13.0.0")
)
ONNX2TF = Environment("onnx2tf", ("onnx2tf==1.29.24", "tensorflow-cpu==2.19.1", "numpy==1.26.4"))


def python_of(environment: Environment, cache: Path) -> Path:
    """Python of ``environment``, made below ``cache`` if it is absent or its pins have changed.

    Raises:
        NotRunError: it cannot be made here.
    """
    if environment == OWN:
        return Path(sys.executable)
    folder = cache / "environments" / environment.name
    python, stamp = folder / "bin" / "python", folder / "pins.txt"
    wanted = repr((environment.pins, environment.bare))
    if stamp.is_file() and stamp.read_text() == wanted:
        return python
    print(f"making the environment {environment.name}", file=sys.stderr)
    venv.create(folder, clear=True, with_pip=True)
    for options, pins in (((), environment.pins), (("--no-deps",), environment.bare)):
        if pins:
            words = ["pip", "install", *options, *pins]
            run_logged([str(python), "-m", *words, "--quiet"], folder / "install.log", shlex.join(words))
    stamp.write_text(wanted)
    return python


def versions(environment: Environment, packages: Sequence[str], cache: Path) -> str:
    """``name version`` of ``packages`` as installed, joined by commas; ``?`` for one that is not.

    Raises:
        NotRunError: the environment cannot be made here.
    """
    known = _installed(python_of(environment, cache))
    return ", ".join(f"{name} {known.get(name.lower(), '?')}" for name in packages)


@functools.cache
def _installed(python: Path) -> dict[str, str]:
    """Version by package, in lower case; each environment is asked once."""
    output = subprocess.run([str(python), "-c", _LIST_VERSIONS], capture_output=True, text=True, check=True).stdout
    return dict(pair.split("=", 1) for pair in output.split())
