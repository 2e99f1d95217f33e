#!/usr/bin/env python3
"""Disk space of an installation: this package and others, each in a new virtual environment.

    python device_tests/install_size.py
    python device_tests/install_size.py --also 'ultralytics' --before torch==2.13.0+cpu

Counts the content of site-packages, without pip and setuptools, in MB of 10^6 bytes; hard links once. ``--before`` is
installed first and kept, for example a CPU build of torch: pip's own choice may bring gigabytes of CUDA.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

OURS = (
    ("[tflite]", "pictures, INT8 .tflite"),
    ("[tflite,camera]", "the same with videos and cameras"),
    ("[onnx]", "pictures, .onnx"),
)

NOT_COUNTED = ("pip", "setuptools", "wheel", "_distutils_hack", "pkg_resources")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--also", nargs="*", default=[], metavar="PACKAGE", help="other packages to install")
    arguments.add_argument("--before", nargs="*", default=[], metavar="PACKAGE", help="installed before each of --also")
    options = arguments.parse_args()
    print("| installed | what for | site-packages, MB | largest |")
    print("| --- | --- | --- | --- |")
    for extras, purpose in OURS:
        show(f"fastscnn-edge{extras}", purpose, [f"{ROOT}{extras}"])
    for package in options.also:
        first = f" after {' '.join(options.before)}" if options.before else ""
        show(f"{package}{first}", "", options.before, [*options.before, package])  # named again, or pip replaces it
    return 0


def show(name: str, purpose: str, *steps: list[str]) -> None:
    """Install ``steps`` one after another into a new environment and print its line."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        for packages in steps:
            if packages:
                subprocess.run(
                    [f"{folder}/bin/pip", "install", "--quiet", "--disable-pip-version-check", *packages], check=True
                )
        sizes = measure(next(Path(folder).glob("lib/python*/site-packages")))
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:4]
    print(
        f"| {name} | {purpose} | {sum(sizes.values()) / 1e6:.0f} | "
        f"{', '.join(f'{entry} {size / 1e6:.0f}' for entry, size in largest)} |",
        flush=True,
    )


def measure(packages: Path) -> dict[str, int]:
    """Entry of site-packages -> bytes of its files."""
    seen: set[tuple[int, int]] = set()
    sizes: dict[str, int] = {}
    for entry in packages.iterdir():
        if entry.name.split("-")[0] in NOT_COUNTED:
            continue
        total = 0
        for path in [entry, *entry.rglob("*")]:
            status = path.lstat()
            if path.is_file() and not path.is_symlink() and (status.st_dev, status.st_ino) not in seen:
                seen.add((status.st_dev, status.st_ino))
                total += status.st_size
        sizes[entry.name] = total
    return sizes


if __name__ == "__main__":
    sys.exit(main())
