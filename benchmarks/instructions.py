"""ARM instructions a frame, by stage, counted on an emulated board.

QEMU counts; the engine is LiteRT's own arm64 wheel with the kernels that it chooses for the core. Instructions are not
time: they leave out caches, memory and how many a core issues at once. They show which of two ways costs less, and the
share of a stage.

Needs root and ``device_tests/run``'s programs and cache.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from device_tests import roots
from device_tests.board import PROGRAMS, Machine, boot
from device_tests.board_image import kernel, root_disk
from device_tests.command import default_cache, locked
from device_tests.cpus import ARM64_CPUS
from device_tests.host import HostError, require_programs, require_root
from device_tests.installs import LITERT
from fastscnn_edge.cli.arguments import positive, size
from fastscnn_edge.cli.command import guarded
from fastscnn_edge.export.prepare import ExportSource, prepare
from fastscnn_edge.files import write_text
from fastscnn_edge.quantization.calibration.calibration_images import calibration_files, load_image

from .first_layer import PAIRS, SINGLE, write_both
from .in_graph import append_classes
from .roofline import WEIGHTS

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
IN_GRAPH = "in_graph"
_MEMORY = 1024
"""Memory of the board in MiB, enough for any size that is counted in reasonable time."""

Counts = dict[str, dict[str, float]]
"""File -> stage -> millions of instructions."""


def fill(folder: Path, checkpoint: Path, extent: tuple[int, int], images: Sequence[Path]) -> None:
    """Fill the parcel: the network in three forms, images, and the code that runs them."""
    prepared = prepare(ExportSource(checkpoint, "int8", extent))
    paths = write_both(prepared, folder)
    whole = append_classes(paths[PAIRS].read_bytes(), extent, prepared.align_corners)
    (folder / f"{IN_GRAPH}.tflite").write_bytes(whole)
    engines = {PAIRS: "ours", SINGLE: "ours", IN_GRAPH: "litert"}
    (folder / "jobs.json").write_text(json.dumps({f"{n}.tflite": [e, *extent] for n, e in engines.items()}))
    np.stack([load_image(prepared.graph, path) for path in images]).tofile(folder / "frames.raw")
    shutil.copy(HERE / "instructions_job.py", folder / "board_job.py")
    without = shutil.ignore_patterns("__pycache__", "weights")
    for name in ("fastscnn_edge", "tools/peers/engines"):
        shutil.copytree(ROOT / name, folder / name, ignore=without)


def count(cpu: str, parcel: Path, cache: Path, folder: Path) -> Counts:
    """Boot a board with one such core and let it count.

    Raises:
        HostError: the board did not boot, or a file did not run there.
    """
    root = roots.prepare_root(roots.ARM64, cache, install=True)
    boot(Machine(cpu, _MEMORY), kernel(cache), root_disk(root, LITERT.name, cache), parcel, folder, "count", count=True)
    found: dict[str, dict[str, float] | None] = json.loads((folder / "out" / "counts.json").read_text())
    for name, counts in found.items():
        if counts is None:
            raise HostError(f"{name} did not run on {cpu}: {folder / 'out' / name}.log")
    return {Path(name).stem: counts for name, counts in found.items() if counts is not None}


def rows(found: dict[str, Counts]) -> Iterator[str]:
    """The table, millions of instructions a frame."""
    yield (
        "| core | preprocessing | network | mask | in all | first layer on single pixels: in all "
        "| resize and argmax in the graph: in all |"
    )
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for cpu, counts in found.items():
        ours, single = (sum(counts[name].values()) for name in (PAIRS, SINGLE))
        graph = counts[IN_GRAPH]["whole"]
        stages = " | ".join(f"{counts[PAIRS][stage]:.1f}" for stage in ("preprocess", "network", "mask"))
        yield (
            f"| {cpu} | {stages} | {ours:.1f} | {single:.1f} ({100 * (single / ours - 1):+.1f} %) "
            f"| {graph:.1f} ({100 * (graph / ours - 1):+.1f} %) |"
        )


def _run(args: argparse.Namespace) -> int:
    require_root("counting on an emulated board")
    require_programs(PROGRAMS, install=True)
    cache = args.cache.expanduser().resolve()
    found: dict[str, Counts] = {}
    with locked(cache):
        folder = cache / "work" / "instructions"
        shutil.rmtree(folder, ignore_errors=True)
        fill(folder / "parcel", args.checkpoint, args.size, calibration_files(args.pictures, args.count))
        for cpu in args.cpu:
            found[cpu] = count(cpu, folder / "parcel", cache, folder / cpu)
    text = "\n".join(rows(found)) + "\n"
    if args.markdown:
        write_text(args.markdown, text)
    print(text, end="")
    return 0


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.instructions",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    names = [cpu.name for cpu in ARM64_CPUS]
    add("--cpu", nargs="+", choices=names, default=names, help=f"(default: {' '.join(names)})")
    add("--checkpoint", type=Path, default=WEIGHTS, metavar="FILE", help="quantized network (default: the bundled)")
    add("--size", type=size, default=(360, 480), metavar="HxW", help="(default: 360x480)")
    add("--pictures", type=Path, default=ROOT / "examples" / "street", metavar="DIR", help="(default: examples/street)")
    add("--count", type=positive, default=4, metavar="N", help="pictures of the folder (default: 4)")
    add("--cache", type=Path, default=default_cache(), metavar="DIR", help="of device_tests/run (default: %(default)s)")
    add("--markdown", type=Path, metavar="FILE", help="write the table here")
    return guarded(lambda: _run(parser.parse_args(argv)))


if __name__ == "__main__":
    sys.exit(main())
