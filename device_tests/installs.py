"""The ways to install the package on a board, and the versions of each."""

from __future__ import annotations

import configparser
import hashlib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Install:
    """One virtual environment on a board.

    Attributes:
        name: name of the environment's folder, and in the results.
        extras: extras of ``setup.cfg``.
        unpinned: packages that this install needs in another version than ``constraints.txt`` has.
        from_system: packages that the operating system brings, because PyPI has no wheel for that board.
    """

    name: str
    extras: tuple[str, ...]
    unpinned: frozenset[str] = frozenset()
    from_system: frozenset[str] = frozenset()

    @property
    def baseline(self) -> str:
        """Name of the install that this one is compared with: the same engine."""
        return TFLITE_RUNTIME.name if self.from_system else self.name


LITERT = Install("litert", ("tflite", "camera"))
TFLITE_RUNTIME = Install("tflite-runtime", ("tflite-legacy",), unpinned=frozenset({"numpy"}))
ONNXRUNTIME = Install("onnxruntime", ("onnx",))
DEBIAN = Install("debian", ("tflite-legacy",), from_system=frozenset({"numpy", "pillow"}))
"""32-bit: tflite-runtime's wheel beside Debian's own numpy and Pillow."""


def requirements(install: Install, setup: Path = ROOT / "setup.cfg") -> list[str]:
    """Requirements for pip: the package's own and the extras', without those that the system has."""
    config = configparser.ConfigParser()
    config.read(setup)
    blocks = [config["options"]["install_requires"], *(config["options.extras_require"][e] for e in install.extras)]
    lines = [line.strip() for block in blocks for line in block.splitlines() if line.strip()]
    return [line for line in lines if package_of(line) not in install.from_system]


def constraints(install: Install, pins: Path = ROOT / "constraints.txt") -> list[str]:
    """The pins for this install."""
    lines = [line.strip() for line in pins.read_text().splitlines() if "==" in line]
    return [line for line in lines if package_of(line) not in install.unpinned | install.from_system]


def package_of(requirement: str) -> str:
    """Name of a requirement: ``numpy`` for ``numpy>=1.23``."""
    for index, letter in enumerate(requirement):
        if not (letter.isalnum() or letter in "-_."):
            return requirement[:index].lower()
    return requirement.lower()


def digest(install: Install) -> str:
    """Digest of the libraries to install."""
    text = "\n".join([install.name, *requirements(install), *constraints(install)])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def python_refuses(install: Install, version: tuple[int, int], machine: str) -> str | None:
    """Why Python ``version`` on ``machine`` cannot have ``install``, None if it can."""
    if install.from_system and machine not in ("armv7l", "armv8l"):
        return "is for 32-bit Debian"
    if install is TFLITE_RUNTIME and version >= (3, 12):
        return "has no wheel for Python 3.12 and newer"
    if install in (LITERT, ONNXRUNTIME) and machine not in ("x86_64", "aarch64"):
        return f"has no wheel for {machine}"
    return None
