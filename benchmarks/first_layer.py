"""The first layer on pairs of pixels against single pixels, on this machine: time and peak memory, side by side.

The same INT8 network in two .tflite files, each in a process of its own, restarted for every round: the memory layout,
which differs between processes, has as large an effect as the layer's form. For ARM cores there is
``benchmarks.instructions``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fastscnn_edge.cli.arguments import positive, size, threads
from fastscnn_edge.cli.command import guarded
from fastscnn_edge.export.convert import write_tflite_file
from fastscnn_edge.export.prepare import ExportSource, Prepared, prepare
from fastscnn_edge.export.to_tflite.writer import write_tflite
from fastscnn_edge.files import write_text
from fastscnn_edge.runtime.engines.tflite_file import attach_spec, read_spec
from fastscnn_edge.units import MIB
from tools.peers.engines.common import FrameFormat
from tools.peers.worker_process import WorkerProcess

from .roofline import WEIGHTS
from .rounds import interleaved, ratio

PAIRS, SINGLE = "pairs", "single"

FRAMES = 5
"""Number of frames timed in one turn."""


def write_both(prepared: Prepared, folder: Path) -> dict[str, Path]:
    """Write ``prepared`` with its first layer on pairs of pixels, as it ships, and on single ones, as in the graph."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / f"{name}.tflite" for name in (PAIRS, SINGLE)}
    write_tflite_file(paths[PAIRS], prepared, "int8")
    single = write_tflite(prepared.graph, "first layer on single pixels", pairs=False)
    paths[SINGLE].write_bytes(attach_spec(single, read_spec(paths[PAIRS])))
    return paths


def measure_first_layer(prepared: Prepared, paths: dict[str, Path], threads: int, rounds: int, folder: Path) -> str:
    """Measure the files of :func:`write_both`; returns a row of the table."""
    height, width = prepared.size
    frames = folder / "frames.raw"
    np.stack(list(prepared.images[:1])).tofile(frames)
    normalization = prepared.normalization
    frame_format = FrameFormat(height, width, normalization.mean, normalization.std)
    times: dict[str, list[list[int]]] = {name: [] for name in paths}
    peaks = dict.fromkeys(paths, 0.0)
    for _ in tqdm(range(rounds), f"{height}x{width}, {threads}", leave=False, disable=None):
        with ExitStack() as stack:
            processes = {
                name: stack.enter_context(
                    WorkerProcess(Path(sys.executable), "ours", path, threads, frame_format, folder / "log")
                )
                for name, path in paths.items()
            }
            for name, found in interleaved(processes, frames, 3, FRAMES, "").items():
                times[name].append(list(chain.from_iterable(found)))
            for name, process in processes.items():
                peaks[name] = max(peaks[name], process.ask(peak=True)["peak"] / MIB)
    value = ratio(times[SINGLE], times[PAIRS], restart=0)
    return (
        f"| {height}x{width} | {threads} | {value.value:.3f} ({value.low:.3f} to {value.high:.3f}) "
        f"| {peaks[SINGLE]:.0f} | {peaks[PAIRS]:.0f} |"
    )


def first_layer_table(
    checkpoint: Path, sizes: Sequence[tuple[int, int]], counts: Sequence[int], rounds: int, cache: Path
) -> Iterator[str]:
    yield "| size | threads | time on single pixels / in pairs | single: peak MiB | pairs: peak MiB |"
    yield "| --- | --- | --- | --- | --- |"
    for extent in sizes:
        prepared = prepare(ExportSource(checkpoint, "int8", extent))
        folder = cache / f"first_layer-{extent[0]}x{extent[1]}"
        paths = write_both(prepared, folder)
        for count in counts:
            yield measure_first_layer(prepared, paths, count, rounds, folder)


def _run(args: argparse.Namespace) -> int:
    lines = []
    for line in first_layer_table(args.checkpoint, args.size, args.threads, args.rounds, args.cache.resolve()):
        print(line, flush=True)
        lines.append(line)
    if args.markdown:
        write_text(args.markdown, "\n".join(lines) + "\n")
    return 0


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.first_layer",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--checkpoint", type=Path, default=WEIGHTS, metavar="FILE", help="quantized network (default: the bundled)")
    add(
        "--size",
        type=size,
        nargs="+",
        default=[(360, 480), (512, 1024), (1024, 2048)],
        metavar="HxW",
        help="(default: 360x480 512x1024 1024x2048)",
    )
    add("--threads", type=threads, nargs="+", default=[1, 2], metavar="N", help="(default: 1 2)")
    add("--rounds", type=positive, default=15, metavar="N", help="starts of each (default: 15)")
    add(
        "--cache",
        type=Path,
        default=Path.home() / ".cache" / "fastscnn_edge" / "benchmarks",
        metavar="DIR",
        help="for the files (default: %(default)s)",
    )
    add("--markdown", type=Path, metavar="FILE", help="write the table here")
    return guarded(lambda: _run(parser.parse_args(argv)))


if __name__ == "__main__":
    sys.exit(main())
