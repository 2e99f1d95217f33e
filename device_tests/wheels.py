"""Wheels for boards, downloaded by this machine's pip: pip inside an emulated root is slow and has no certificates."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from .host import call, say
from .installs import Install, constraints, digest, requirements

_TIMEOUT = 1200


@dataclass(frozen=True)
class Platform:
    """Facts about a board that pip needs.

    Attributes:
        machine: as in wheel names.
        python: version, major.minor.
        glibc: minor version; wheels for older ones also run.
    """

    machine: str
    python: str
    glibc: int


ARM64 = Platform("aarch64", "3.11", 36)
ARMHF = Platform("armv7l", "3.11", 36)
"""Debian 12, and thus Raspberry Pi OS 12."""

_OLDEST_GLIBC = 17


def platform_arguments(platform: Platform) -> list[str]:
    """pip's options for a foreign board, newest wheels first."""
    tags = [f"manylinux_2_{minor}_{platform.machine}" for minor in range(platform.glibc, _OLDEST_GLIBC - 1, -1)]
    tags.append(f"manylinux2014_{platform.machine}")
    arguments = ["--only-binary=:all:", "--implementation", "cp", "--python-version", platform.python]
    return arguments + [word for tag in tags for word in ("--platform", tag)]


def download(install: Install, platform: Platform, cache: Path) -> Path:
    """Folder with all wheels of ``install`` but the package's own, and pip; cached by its requirements.

    Raises:
        HostError: pip failed, for example because a wheel does not exist.
    """
    folder = cache / "wheels" / f"{platform.machine}-{install.name}-{digest(install)}"
    if folder.is_dir():
        return folder
    say(f"downloading the wheels of {install.name} for {platform.machine}")
    partial = folder.with_name(folder.name + ".partial")
    partial.mkdir(parents=True, exist_ok=True)
    pins = partial / "constraints.txt"
    pins.write_text("\n".join(constraints(install)) + "\n")
    # Packages of the system must not be installed as dependencies either.
    options = ["--no-deps"] if install.from_system else []
    call(
        [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--dest",
            str(partial),
            "--constraint",
            str(pins),
            *options,
            *platform_arguments(platform),
            "pip",
            *requirements(install),
        ],
        cache / "logs" / f"pip-{folder.name}.log",
        timeout=_TIMEOUT,
    )
    partial.rename(folder)
    return folder
