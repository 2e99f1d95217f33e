"""This machine as a target, and the baseline that all others are compared with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from .host import call, say
from .installs import Install, constraints, digest, requirements

_TIMEOUT = 1800

_LEAK = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")


def can_install(install: Install) -> str | None:
    """Why this Python cannot have ``install``, None if it can."""
    if install.name == "tflite-runtime" and sys.version_info >= (3, 12):
        return "tflite-runtime has no wheel for Python 3.12 and newer"
    if install.from_system:
        return "needs a 32-bit Debian"
    return None


def probe(install: Install, parcel: Path, result: Path, cache: Path) -> None:
    """Install the parcel's wheel in a new environment of its own and run ``probe.py`` there.

    Raises:
        HostError: a step failed.
    """
    python = _environment(install, parcel, cache)
    environment = {key: value for key, value in os.environ.items() if key not in _LEAK}
    call([python, parcel / "probe.py", parcel, result], cache / "logs" / f"local-{install.name}.log",
         timeout=_TIMEOUT, environment=environment, cwd=parcel, what=f"probe.py in {install.name}")


def _environment(install: Install, parcel: Path, cache: Path) -> Path:
    """Python of the environment with the libraries (kept) and the parcel's wheel (always anew)."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    venv = cache / "local" / f"{install.name}-{version}-{digest(install)}"
    python = venv / "bin" / "python"
    log = cache / "logs" / f"local-{install.name}-install.log"
    if not (venv / "complete").is_file():
        say(f"installing {install.name} here")
        shutil.rmtree(venv, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        pins = venv / "constraints.txt"
        pins.write_text("\n".join(constraints(install)) + "\n")
        call([python, "-m", "pip", "install", "--constraint", pins, *requirements(install)], log, timeout=_TIMEOUT)
        (venv / "complete").touch()
    call([python, "-m", "pip", "install", "--no-index", "--no-deps", "--force-reinstall", next(parcel.glob("*.whl"))],
         log, timeout=_TIMEOUT)
    return python
