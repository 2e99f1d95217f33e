"""Kernel, initramfs and disks (Debian, the job) of a whole emulated board."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastscnn_edge.units import MIB

from .host import HostError, call, say
from .roots import MIRROR

_PACKAGES = ("linux-image-arm64", "busybox-static")
_DISK_MODULES = ("virtio_mmio", "virtio_blk", "crc32c_generic", "libcrc32c", "ext4")
"""Modules that modules.dep does not list: ext4 asks for crc32c by its algorithm's name."""

_CAMERA_MODULE = "vivid"
_CAMERA_OPTIONS = "n_devs=1 node_types=0x1 num_inputs=1 input_types=0x0 no_error_inj=1"
"""Options for one webcam with a test image; node type 1 is video capture, input type 0 is a webcam."""

_TIMEOUT = 1800

DONE = "DEVICE-TEST-JOB-ENDED"
"""Line printed on the console after the job: QEMU's exit status does not depend on it."""

_INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in {modules}; do insmod /modules/$module; done
tries=0
until [ -b /dev/vda ] && [ -b /dev/vdb ]; do
    tries=$((tries + 1)); [ $tries -lt 300 ] || poweroff -f
    sleep 0.1
done
# The order of virtio disks is not ours to choose; their serials are.
for disk in vda vdb; do
    case $(cat /sys/block/$disk/serial) in root) root=$disk ;; job) job=$disk ;; esac
done
mount -t ext4 /dev/$root /root
mkdir -p /root/job
mount -t ext4 /dev/$job /root/job
for folder in proc sys dev; do mount --move /$folder /root/$folder; done
exec switch_root /root /job/start
"""

_START = """#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
busybox() {{ /job/busybox "$@"; }}
busybox mount -t tmpfs tmp /tmp
busybox mkdir -p /dev/shm; busybox mount -t tmpfs shm /dev/shm
for module in {modules}; do
    options=; [ $module = {camera}.ko ] && options="{options}"
    busybox insmod /job/modules/$module $options
done
python3 /job/board_job.py /job {unplug}
echo {done} $?
busybox sync; busybox mount -o remount,ro /job
busybox poweroff -f
"""


@dataclass(frozen=True)
class Kernel:
    """Attributes:
    image: file that QEMU loads.
    release: the kernel's version.
    modules: folder of its modules.
    busybox: static program for the board's processor.
    """

    image: Path
    release: str
    modules: Path
    busybox: Path


def kernel(cache: Path) -> Kernel:
    """Unpack Debian's arm64 kernel, without installing it."""
    folder = cache / "kernel" / hashlib.sha256("\n".join([MIRROR, *_PACKAGES]).encode()).hexdigest()[:12]
    if not folder.is_dir():
        say("downloading a kernel")
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.parent.mkdir(parents=True, exist_ok=True)
        log = cache / "logs" / "kernel.log"
        call(
            [
                "unshare",
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "mmdebstrap",
                "--mode=root",
                "--variant=extract",
                "--architectures=arm64",
                f"--include={','.join(_PACKAGES)}",
                "bookworm",
                partial,
                MIRROR,
            ],
            log,
            timeout=_TIMEOUT,
        )
        (release,) = (path.name for path in (partial / "lib/modules").iterdir())
        call(["depmod", "-b", partial, release], log, timeout=_TIMEOUT)
        partial.rename(folder)
    (modules,) = (folder / "lib/modules").iterdir()
    return Kernel(folder / f"boot/vmlinuz-{modules.name}", modules.name, modules, folder / "bin/busybox")


def in_load_order(names: Iterable[str], modules_dep: str) -> list[str]:
    """Paths of modules and their dependencies, each after its own dependencies, from the text of ``modules.dep``."""
    needs = {line.split(":")[0]: line.split(":")[1].split() for line in modules_dep.splitlines() if ":" in line}
    by_name = {Path(path).stem.replace("-", "_"): path for path in needs}
    order: list[str] = []
    for name in names:
        if name not in by_name:
            raise HostError(f"this kernel has no module {name}")
        path = by_name[name]
        # modules.dep lists all dependencies, direct and indirect, the nearest first.
        order += [each for each in [*reversed(needs[path]), path] if each not in order]
    return order


def initramfs(source: Kernel, destination: Path) -> None:
    """Write an initramfs that finds the disks: busybox, their modules, ``/init``."""
    tree = destination.with_suffix(".tree")
    shutil.rmtree(tree, ignore_errors=True)
    for name in ("bin", "proc", "sys", "dev", "root", "modules"):
        (tree / name).mkdir(parents=True)
    shutil.copy(source.busybox, tree / "bin/busybox")
    names = _copy_modules(source, _DISK_MODULES, tree / "modules")
    _script(tree / "init", _INIT.format(modules=" ".join(names)))
    with destination.open("wb") as stream:
        files = subprocess.run(["find", "."], cwd=tree, check=True, capture_output=True).stdout
        done = subprocess.run(
            ["cpio", "--create", "--format=newc", "--owner=0:0"],
            cwd=tree,
            input=files,
            stdout=stream,
            stderr=subprocess.PIPE,
            check=False,
        )
    if done.returncode:
        raise HostError(f"cpio: {done.stderr.decode(errors='replace').strip()}")


def root_disk(root: Path, install: str, cache: Path) -> Path:
    """An ext4 image of the Debian root with one of its installs; made again if that root's libraries change."""
    libraries = (root / "opt" / install / "libraries").read_text()
    image = cache / "images" / f"{root.name}-{install}-{libraries}.ext4"
    if image.is_file():
        return image
    say("making the board's disk")
    tree = image.with_suffix(".tree")
    shutil.rmtree(tree, ignore_errors=True)
    tree.parent.mkdir(parents=True, exist_ok=True)
    # Hard links cost no space. The other installs are left out: the board has 256 MB of memory and one job.
    call(["cp", "--archive", "--link", root, tree], cache / "logs" / "image-tree.log", timeout=_TIMEOUT)
    for other in (tree / "opt").iterdir():
        if other.name != install:
            shutil.rmtree(other)
    _make_disk(tree, image, spare=200 * MIB, log=cache / "logs" / "image.log")
    shutil.rmtree(tree)
    return image


def job_disk(source: Kernel, parcel: Path, image: Path, unplug: str, log: Path) -> None:
    """Write the disk with the parcel, the camera's modules and the script that the board runs."""
    tree = image.with_suffix(".tree")
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(parcel, tree)
    shutil.copy(source.busybox, tree / "busybox")
    (tree / "modules").mkdir()
    names = _copy_modules(source, [_CAMERA_MODULE], tree / "modules")
    _script(
        tree / "start",
        _START.format(
            modules=" ".join(names), camera=_CAMERA_MODULE, options=_CAMERA_OPTIONS, unplug=unplug, done=DONE
        ),
    )
    _make_disk(tree, image, spare=100 * MIB, log=log)
    shutil.rmtree(tree)


def take_out(image: Path, folder: str, destination: Path, log: Path) -> None:
    """Copy ``folder`` of an ext4 image, without mounting it."""
    destination.mkdir(parents=True, exist_ok=True)
    call(["debugfs", "-R", f"rdump /{folder} {destination}", image], log, timeout=_TIMEOUT)


def _copy_modules(source: Kernel, names: Sequence[str], folder: Path) -> list[str]:
    paths = in_load_order(names, (source.modules / "modules.dep").read_text())
    for path in paths:
        shutil.copy(source.modules / path, folder)
    return [Path(path).name for path in paths]


def _make_disk(tree: Path, image: Path, *, spare: int, log: Path) -> None:
    used = sum(p.lstat().st_size + 4096 for p in tree.rglob("*"))
    partial = image.with_suffix(".partial")
    with partial.open("wb") as stream:
        stream.truncate(int(used * 1.1) + spare)
    call(["mkfs.ext4", "-q", "-F", "-d", tree, partial], log, timeout=_TIMEOUT)
    partial.rename(image)


def _script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)
