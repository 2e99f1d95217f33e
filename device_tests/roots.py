"""Debian roots for foreign processors: built once, entered through qemu-user."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import wheels
from .cpus import ARM64_CPUS, ARMHF_CPUS, Cpu
from .host import call, register_emulator, require_programs, say
from .installs import DEBIAN, LITERT, ONNXRUNTIME, TFLITE_RUNTIME, Install, digest

MIRROR = "deb http://deb.debian.org/debian bookworm main"

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_BUILD_TIMEOUT = 3600
_INSTALL_TIMEOUT = 1800


@dataclass(frozen=True)
class BoardRoot:
    """A kind of root.

    Attributes:
        architecture: Debian's name of it.
        emulator: name of its binfmt entry.
        platform: platform of its wheels.
        packages: Debian packages beside the minimum.
        installs: virtual environments under /opt.
        cpus: processors to emulate; the first is the default.
    """

    architecture: str
    emulator: str
    platform: wheels.Platform
    packages: tuple[str, ...]
    installs: tuple[Install, ...]
    cpus: tuple[Cpu, ...]


ARM64 = BoardRoot(
    "arm64", "qemu-aarch64", wheels.ARM64, ("python3",), (LITERT, TFLITE_RUNTIME, ONNXRUNTIME), ARM64_CPUS
)
ARMHF = BoardRoot("armhf", "qemu-arm", wheels.ARMHF, ("python3", "python3-numpy", "python3-pil"), (DEBIAN,), ARMHF_CPUS)


def prepare_root(board: BoardRoot, cache: Path, *, install: bool) -> Path:
    """Folder of the root of ``board`` with the libraries of all its installs; built if the cache does not have it.

    Args:
        install: whether programs missing here may be installed.

    Raises:
        HostError: a program is missing, or a step failed.
    """
    require_programs(("mmdebstrap", "arch-test", f"{board.emulator}-static"), install=install)
    register_emulator(board.emulator)
    root = _debian(board, cache)
    for each in board.installs:
        _install_libraries(board, root, each, cache)
    return root


def install_project(board: BoardRoot, root: Path, install: Install, parcel: Path, cache: Path) -> None:
    """Install the parcel's wheel as a board's owner would: with pip, offline."""
    wheel = next(parcel.glob("*.whl"))
    stamp, content = root / "opt" / install.name / "wheel.sha256", hashlib.sha256(wheel.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == content:
        return
    say(f"installing the wheel in {board.architecture}'s {install.name}")
    enter(
        board,
        root,
        [
            f"/opt/{install.name}/bin/pip",
            "install",
            "--no-index",
            "--no-deps",
            "--force-reinstall",
            f"/parcel/{wheel.name}",
        ],
        cache / "logs" / f"{board.architecture}-{install.name}-project.log",
        binds={parcel: "parcel"},
        timeout=_INSTALL_TIMEOUT,
    )
    stamp.write_text(content)


def enter(
    board: BoardRoot,
    root: Path,
    command: Sequence[str],
    log: Path,
    *,
    binds: Mapping[Path, str],
    timeout: float,
    cpu: Cpu | None = None,
) -> None:
    """Run ``command`` inside ``root``; mounts and processes are always removed afterwards.

    Args:
        binds: folder here -> where it appears, relative to the root.
        cpu: processor to emulate; None: the board's first.

    Raises:
        HostError: it failed or took longer than ``timeout`` seconds.
    """
    cpu = cpu or board.cpus[0]
    cpuinfo = root.with_name(f"{root.name}.{cpu.name}.cpuinfo")
    cpuinfo.write_text(cpu.cpuinfo(os.cpu_count() or 1))
    for inside in binds.values():
        (root / inside).mkdir(exist_ok=True)
    script = mount_script(root, cpuinfo, binds, command)
    # --kill-child: a timeout ends the emulated processes too.
    call(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", script],
        log,
        timeout=timeout,
        environment={"PATH": _PATH, "QEMU_CPU": cpu.name, "HOME": "/root", "LANG": "C.UTF-8"},
        what=f"{command[0]} in the {board.architecture} root",
    )


def mount_script(root: Path, cpuinfo: Path, binds: Mapping[Path, str], command: Sequence[str]) -> str:
    """Shell lines for a private mount namespace.

    Without /proc and /sys the engines cannot detect the processor and silently do not use XNNPACK.
    """

    def inside(name: str) -> str:
        return shlex.quote(str(root / name))

    return "\n".join(
        [
            f"mount -t proc proc {inside('proc')}",
            f"mount --bind {shlex.quote(str(cpuinfo))} {inside('proc/cpuinfo')}",
            f"mount --rbind /sys {inside('sys')}",
            f"mount --rbind /dev {inside('dev')}",
            *(f"mount --bind {shlex.quote(str(folder))} {inside(name)}" for folder, name in binds.items()),
            f"exec chroot {shlex.quote(str(root))} {shlex.join(command)}",
        ]
    )


def _debian(board: BoardRoot, cache: Path) -> Path:
    key = hashlib.sha256("\n".join([MIRROR, *board.packages]).encode()).hexdigest()[:12]
    root = cache / "roots" / f"{board.architecture}-{key}"
    if root.is_dir():
        return root
    say(f"building a Debian {board.architecture} root; minutes, once")
    partial = root.with_name(root.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.parent.mkdir(parents=True, exist_ok=True)
    # In a namespace of its own: if it is killed, its /proc, /sys and /dev do not stay mounted in the cache.
    call(
        [
            "unshare",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "mmdebstrap",
            "--mode=root",
            "--variant=minbase",
            f"--architectures={board.architecture}",
            f"--include={','.join(board.packages)}",
            "--dpkgopt=force-unsafe-io",
            "--dpkgopt=path-exclude=/usr/share/doc/*",
            "--dpkgopt=path-exclude=/usr/share/man/*",
            "bookworm",
            str(partial),
            MIRROR,
        ],
        cache / "logs" / f"mmdebstrap-{board.architecture}.log",
        timeout=_BUILD_TIMEOUT,
    )
    partial.rename(root)
    return root


def _install_libraries(board: BoardRoot, root: Path, install: Install, cache: Path) -> None:
    """A virtual environment /opt/NAME with the wheels of ``install``."""
    venv = root / "opt" / install.name
    stamp = venv / "libraries"
    if stamp.is_file() and stamp.read_text() == digest(install):
        return
    folder = wheels.download(install, board.platform, cache)
    say(f"installing {install.name} in the {board.architecture} root")
    shutil.rmtree(venv, ignore_errors=True)
    system = "--system-site-packages " if install.from_system else ""
    files = sorted(path.name for path in folder.glob("*.whl"))
    # pip starts from its own wheel: python3-venv would install ca-certificates, minutes under emulation.
    pip = next(name for name in files if name.startswith("pip-"))
    script = (
        f"python3 -m venv --without-pip {system}/opt/{install.name}\n"
        f"/opt/{install.name}/bin/python /wheels/{pip}/pip install --no-index --no-deps --no-compile "
        + " ".join(f"/wheels/{name}" for name in files)
    )
    enter(
        board,
        root,
        ["/bin/sh", "-ec", script],
        cache / "logs" / f"{board.architecture}-{install.name}-libraries.log",
        binds={folder: "wheels"},
        timeout=_INSTALL_TIMEOUT,
    )
    stamp.write_text(digest(install))
