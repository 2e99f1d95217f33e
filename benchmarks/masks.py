"""Cost of a class map, in time and memory: exact and lazy as ours, against resize and argmax inside a graph.

For each picture the same class map is made of the INT8 network's logits in several ways, one after the other in every
round. *Mixed* is the share of cells between grid points whose corners disagree: the only ones that are
interpolated.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from fastscnn_edge import Segmenter
from fastscnn_edge.cli.arguments import positive, size, threads
from fastscnn_edge.cli.command import guarded
from fastscnn_edge.export.convert import write_tflite_file
from fastscnn_edge.export.prepare import ExportSource, prepare
from fastscnn_edge.files import atomic_path, write_text
from fastscnn_edge.quantization.calibration.calibration_images import calibration_files
from fastscnn_edge.runtime.engines.tflite_interpreter import open_interpreter
from fastscnn_edge.runtime.images import read_image, resize_image
from fastscnn_edge.runtime.mask.cells import CellPainter
from fastscnn_edge.runtime.mask.plan import MaskPlan
from fastscnn_edge.runtime.pipeline.preprocess import preprocess as prepare_input
from fastscnn_edge.units import MIB

from .in_graph import head_only
from .roofline import WEIGHTS

ROOT = Path(__file__).resolve().parent.parent

Way = Callable[[np.ndarray], np.ndarray]
"""Function from logits int8 [h, w, C] to classes [H, W]."""


def ways(segmenter: Segmenter, threads: int) -> dict[str, Way]:
    """Ways to a class map by name; the first is the one the runtime uses."""
    spec = segmenter.spec
    grid, extent = segmenter.engine.logits().shape[:2], (spec.height, spec.width)
    place = grid, extent, spec.align_corners
    found: dict[str, Way] = {
        "lazy, ours": MaskPlan(*place).run,
        "lazy, for any size": MaskPlan(*place, painter=CellPainter(*place)).run,
        "lazy, all classes": MaskPlan(*place, prune=False).run,
    }
    found["in a TFLite graph"] = _interpreter(head_only(grid, extent, len(spec.classes), spec.align_corners), threads)
    return found


def _interpreter(model: bytes, threads: int) -> Way:
    interpreter = open_interpreter(model, threads)
    source, target = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def run(logits: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(source, logits[None])
        interpreter.invoke()
        classes: np.ndarray = interpreter.get_tensor(target)[0]
        return classes.astype(np.uint8)

    return run


def share_of_mixed(logits: np.ndarray) -> float:
    """Share of mixed cells among those between grid points, the border's included."""
    corner = np.pad(logits.argmax(axis=2), 1, mode="edge")
    here = corner[:-1, :-1]
    return float(((here != corner[:-1, 1:]) | (here != corner[1:, :-1]) | (here != corner[1:, 1:])).mean())


def measure_masks(segmenter: Segmenter, images: list[Path], rounds: int, threads: int) -> Iterator[tuple[str, ...]]:
    """Rows of the table: image, share of mixed cells, milliseconds of each way."""
    segmenter.engine.invoke()
    table = ways(segmenter, threads)
    yield ("picture", "mixed cells", *(f"{name}, ms" for name in table), "same pixels, ours and graph")
    logits = np.empty(0, np.int8)
    for path in images:
        frame = resize_image(read_image(path), segmenter.spec.height, segmenter.spec.width)
        prepare_input(frame, segmenter.spec, segmenter.engine.input_view())
        segmenter.engine.invoke()
        logits = segmenter.engine.logits()
        times: dict[str, list[float]] = {name: [] for name in table}
        for _ in range(rounds):
            for name, way in table.items():
                start = time.perf_counter()
                way(logits)
                times[name].append(time.perf_counter() - start)
        exact, graph = (table[name](logits) for name in ("lazy, ours", "in a TFLite graph"))
        yield (
            path.stem,
            f"{100 * share_of_mixed(logits):.1f} %",
            *(f"{1e3 * statistics.median(t):.2f}" for t in times.values()),
            f"{100 * np.mean(exact == graph):.2f} %",
        )
    extra = {name: _peak(way, logits) for name, way in table.items()}
    height, width = segmenter.spec.height, segmenter.spec.width
    # Python does not see the engine's allocations: the upsampled logits and int32 classes.
    extra["in a TFLite graph"] = height * width * (len(segmenter.spec.classes) + 4) + extra["in a TFLite graph"]
    yield ("memory, MiB", "", *(f"{n / MIB:.1f}" for n in extra.values()), "")


def _peak(way: Way, logits: np.ndarray) -> int:
    """Peak allocation of Python and numpy during one call in bytes, the result included."""
    tracemalloc.start()
    way(logits)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def _run(args: argparse.Namespace) -> int:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.threads])
    with atomic_path(args.cache / f"masks_{args.size[0]}x{args.size[1]}.tflite") as path:
        write_tflite_file(path, prepare(ExportSource(args.checkpoint, "int8", args.size)), "int8")
        segmenter = Segmenter(path, args.threads)
    rows = list(measure_masks(segmenter, calibration_files(args.pictures, args.count), args.rounds, args.threads))
    lines = [" | ".join(row) for row in [rows[0], ("---",) * len(rows[0]), *rows[1:]]]
    text = "".join(f"| {line} |\n" for line in lines)
    if args.markdown:
        write_text(args.markdown, text)
    print(text, end="")
    return 0


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.masks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--checkpoint", type=Path, default=WEIGHTS, metavar="FILE", help="quantized network (default: the bundled)")
    add("--size", type=size, default=(1024, 2048), metavar="HxW", help="(default: 1024x2048)")
    add("--pictures", type=Path, default=ROOT / "examples" / "street", metavar="DIR", help="(default: examples/street)")
    add("--count", type=positive, default=4, metavar="N", help="pictures of the folder (default: 4)")
    add("--rounds", type=positive, default=15, metavar="N", help="(default: 15)")
    add("--threads", type=threads, default=1, metavar="N", help="of the graph's engine (default: 1)")
    add(
        "--cache",
        type=Path,
        default=Path.home() / ".cache" / "fastscnn_edge" / "benchmarks",
        metavar="DIR",
        help="for the exported file (default: %(default)s)",
    )
    add("--markdown", type=Path, metavar="FILE", help="write the table here")
    return guarded(lambda: _run(parser.parse_args(argv)))


if __name__ == "__main__":
    sys.exit(main())
