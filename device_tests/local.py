"""Target ``local``: this machine, which is also the baseline that all others are compared with."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from .context import Context
from .host import call, say
from .installs import LITERT, ONNXRUNTIME, ROOT, TFLITE_RUNTIME, Install, constraints, digest, requirements
from .results import Check, InstallFacts

_TIMEOUT = 1800

_LEAK = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")


def run(context: Context) -> tuple[list[InstallFacts], list[Check]]:
    """Probe every install a second time: the same machine must give the same masks again."""
    found = []
    for install in (LITERT, TFLITE_RUNTIME, ONNXRUNTIME):
        if install.name in context.baselines:
            folder = context.work / install.name
            probe(install, context.parcel, folder, context.cache)
            compared = context.compared(install, "this machine", folder)
            found.append(compared)
    return found, [_smoke(context)]


def _smoke(context: Context) -> Check:
    """Compare with the masks in the repository (``device_tests/expected``), by the script a user runs first."""
    python = _environment(LITERT, context.parcel, context.cache)
    done = subprocess.run(
        [python, ROOT / "device_tests" / "smoke.py"],
        capture_output=True,
        text=True,
        check=False,
        cwd=context.parcel,
        env=_clean_environment(),
    )
    name = "smoke.py: the masks this repository expects"
    if not done.stdout:
        return Check(name, False, (done.stderr.strip().splitlines() or ["silence"])[-1])
    masks = json.loads(done.stdout)["masks"]
    least = min((mask["agreement"] for mask in masks.values()), default=0.0)
    return Check(name, done.returncode == 0, f"{len(masks)} masks, {least:.2%} of the pixels or more")


def probe(install: Install, parcel: Path, result: Path, cache: Path) -> None:
    """Install the parcel's wheel in a new environment and run ``probe.py`` there.

    Raises:
        HostError: a step failed.
    """
    python = _environment(install, parcel, cache)
    call(
        [python, parcel / "probe.py", parcel, result],
        cache / "logs" / f"local-{install.name}.log",
        timeout=_TIMEOUT,
        environment=_clean_environment(),
        cwd=parcel,
        what=f"probe.py in {install.name}",
    )


def _clean_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key not in _LEAK}


def _environment(install: Install, parcel: Path, cache: Path) -> Path:
    """Python of the environment with the libraries (kept) and the parcel's wheel (installed each time)."""
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
    call(
        [python, "-m", "pip", "install", "--no-index", "--no-deps", "--force-reinstall", next(parcel.glob("*.whl"))],
        log,
        timeout=_TIMEOUT,
    )
    return python
