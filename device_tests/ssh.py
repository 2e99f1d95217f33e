"""Target ``ssh:HOST``: a real board. It needs an SSH login, Python 3.10 or newer with venv, and PyPI."""

from __future__ import annotations

import io
import shlex
import subprocess
import tarfile
from pathlib import Path

from .context import Context
from .host import HostError, say
from .installs import DEBIAN, LITERT, ONNXRUNTIME, TFLITE_RUNTIME, Install, constraints, python_refuses, requirements
from .results import Check, InstallFacts

_TIMEOUT = 3600
_FOLDER = ".cache/fastscnn_edge/board"
"""Folder below the board's home: environments are kept there."""

_ABOUT = "import platform, sys; print(*sys.version_info[:2], platform.machine())"


def run(host: str, context: Context) -> tuple[list[InstallFacts], list[Check]]:
    """Probe every install that ``host`` can have.

    Raises:
        HostError: not reachable, or a step failed there.
    """
    major, minor, machine = _remote(host, f"python3 -c {shlex.quote(_ABOUT)}").decode().split()
    say(f"{host}: {machine}, Python {major}.{minor}")
    _send(host, context.parcel)
    found, checks = [], []
    for install in (LITERT, TFLITE_RUNTIME, ONNXRUNTIME, DEBIAN):
        refusal = python_refuses(install, (int(major), int(minor)), machine)
        if install.baseline not in context.baselines:
            refusal = refusal or "cannot be installed for this machine's Python, so there is nothing to compare with"
        if refusal:
            checks.append(Check(f"{install.name} on this board", True, f"left out: {refusal}"))
            continue
        say(f"{host}: {install.name}")
        _remote(host, board_script(install), what=f"{install.name} on {host}")
        result = context.work / install.name
        _fetch(host, f"{_FOLDER}/result-{install.name}", result)
        compared = context.compared(install, "", result)
        found.append(
            InstallFacts(install.name, compared.probe.facts["cpu"] or machine, compared.probe, compared.comparisons)
        )
    return found, checks


def board_script(install: Install) -> str:
    """Shell script for the board: environment, libraries, the parcel's wheel, the probe."""
    venv, wheel = f"venv-{install.name}", "parcel/*.whl"
    system = "--system-site-packages " if install.from_system else ""
    pins = "\\n".join(constraints(install))
    return "\n".join(
        [
            "set -e",
            f"cd ~/{_FOLDER}",
            f"test -x {venv}/bin/pip || python3 -m venv {system}{venv}",
            f"printf '{pins}\\n' > constraints.txt",
            f"{venv}/bin/pip install --quiet --constraint constraints.txt {shlex.join(requirements(install))}",
            f"{venv}/bin/pip install --quiet --no-index --no-deps --force-reinstall {wheel}",
            f"rm -rf result-{install.name}",
            f"{venv}/bin/python parcel/probe.py parcel result-{install.name}",
        ]
    )


def _remote(host: str, script: str, *, stdin: bytes = b"", what: str | None = None) -> bytes:
    """Standard output of ``script``, run by a shell on the board."""
    try:
        done = subprocess.run(
            ["ssh", "-o", "BatchMode=yes", host, script],
            input=stdin,
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise HostError(f"{what or host} took longer than {_TIMEOUT} s") from None
    except FileNotFoundError:
        raise HostError("there is no ssh on this machine") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        raise HostError(f"{what or host} ended with status {done.returncode}: {lines[-1]}")
    return done.stdout


def _send(host: str, parcel: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(parcel, "parcel")
    unpack = f"mkdir -p ~/{_FOLDER} && cd ~/{_FOLDER} && rm -rf parcel && tar -xzf -"
    _remote(host, unpack, stdin=packed.getvalue())


def _fetch(host: str, folder: str, destination: Path) -> None:
    destination.mkdir(parents=True, exist_ok=True)
    packed = _remote(host, f"tar -C ~/{folder} -czf - probe.json arrays.npz")
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for name in ("probe.json", "arrays.npz"):
            member = archive.extractfile(name)
            if member is None:
                raise HostError(f"{host} sent no {name}")
            (destination / name).write_bytes(member.read())
