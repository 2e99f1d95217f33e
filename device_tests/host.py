"""The machine that runs the tests: its programs, its packages, and calls with a log."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from fastscnn_edge.errors import FastSCNNEdgeError

PACKAGES = {
    "mmdebstrap": "mmdebstrap",
    "arch-test": "arch-test",
    "qemu-aarch64-static": "qemu-user-static",
    "qemu-arm-static": "qemu-user-static",
    "qemu-system-aarch64": "qemu-system-arm",
    "mkfs.ext4": "e2fsprogs",
    "debugfs": "e2fsprogs",
    "modprobe": "kmod",
    "cpio": "cpio",
}
"""Program -> Debian package that contains it."""

_SYSTEM_PATH = "/usr/sbin:/sbin"
_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_QUIET = {"DEBIAN_FRONTEND": "noninteractive"}


class HostError(FastSCNNEdgeError):
    """This machine lacks something that a target needs."""


def say(message: str) -> None:
    """Print progress for the user."""
    print(f"device_tests: {message}", file=sys.stderr, flush=True)


def missing_packages(programs: Iterable[str]) -> list[str]:
    """Debian packages to install for ``programs``, sorted, each once."""
    path = f"{os.environ.get('PATH', '')}:{_SYSTEM_PATH}"
    return sorted({PACKAGES[program] for program in programs if shutil.which(program, path=path) is None})


def require_programs(programs: Iterable[str], *, install: bool) -> None:
    """Install missing programs with apt, or refuse.

    Raises:
        HostError: something is missing and must not be installed, or apt failed.
    """
    packages = missing_packages(programs)
    if not packages:
        return
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    if not install:
        raise HostError(f"this target needs {', '.join(packages)}: {' '.join(command)}")
    if shutil.which("apt-get") is None:
        raise HostError(f"this target needs {', '.join(packages)}, and there is no apt-get here to install them")
    say(f"installing {', '.join(packages)}")
    # Another apt may be running; it will finish soon.
    subprocess.run(["apt-get", "update", "--quiet"], check=False, env={**os.environ, **_QUIET}, capture_output=True)
    done = subprocess.run(
        [*command[:2], "-o", "DPkg::Lock::Timeout=300", *command[2:]],
        check=False,
        env={**os.environ, **_QUIET},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise HostError(f"apt-get could not install {', '.join(packages)}: {_last_line(done.stderr)}")


def require_root(target: str) -> None:
    """Refuse without root, which foreign device nodes and mounts need."""
    if os.geteuid() != 0:
        raise HostError(f"{target} mounts and unpacks a Debian root and needs root: run it with sudo")


def register_emulator(name: str, binfmt: Path = _BINFMT) -> None:
    """Let the kernel start foreign programs through qemu-user; ``name`` is ``qemu-aarch64`` or ``qemu-arm``.

    Raises:
        HostError: this kernel does not allow it.
    """
    if (binfmt / name).exists():
        return
    line = Path(f"/usr/lib/binfmt.d/{name}.conf")
    try:
        if not (binfmt / "register").exists():
            subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", binfmt], check=True, capture_output=True)
        (binfmt / "register").write_text(line.read_text().strip())
    except (OSError, subprocess.CalledProcessError) as error:
        raise HostError(f"cannot register {name} in {binfmt}: {error}; does this kernel have binfmt_misc?") from error


def call(
    command: Sequence[str | Path],
    log: Path,
    *,
    timeout: float,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    what: str | None = None,
) -> None:
    """Run ``command`` with its output in ``log``.

    Raises:
        HostError: it failed or took longer than ``timeout`` seconds; names the log and quotes its last line.
    """
    what = what or Path(command[0]).name
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as stream:
        print("$", *command, file=stream, flush=True)
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                timeout=timeout,
                env=environment,
                cwd=cwd,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise HostError(f"{what} took longer than {timeout:.0f} s; its output is in {log}") from None
        except OSError as error:
            raise HostError(f"{what}: {error}") from error
    if done.returncode:
        raise HostError(
            f"{what} ended with status {done.returncode}: {_last_line(log.read_text(errors='replace'))} "
            f"(all of it: {log})"
        )


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no output"
