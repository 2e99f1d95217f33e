"""Time of each layer against the limits of this processor.

Each layer is written as a .tflite of its own and timed in LiteRT; beside it stand its multiply-accumulates, the bytes
it must move (input, weights and output once), and the least time either would take:

- int8 arithmetic: the rate of a 1x1 convolution of 512 channels to 512;
- memory: the rate at which numpy copies 64 MiB.

Separate layers find their input in main memory more often than within the network, so their sum may be higher.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fastscnn_edge.cli.arguments import size, threads
from fastscnn_edge.cli.command import guarded
from fastscnn_edge.export.prepare import ExportSource, prepare
from fastscnn_edge.export.to_tflite.writer import write_tflite
from fastscnn_edge.files import write_text
from fastscnn_edge.quantization.graph.graph import Conv, Graph, Op, Pool, Quantization, Resize, Tensor
from fastscnn_edge.runtime.engines.tflite_interpreter import open_interpreter

WEIGHTS = Path(__file__).resolve().parent.parent / "fastscnn_edge" / "weights" / "fastscnn_camvid_int8.safetensors"


@dataclass(frozen=True)
class Layer:
    """Multiply-accumulates, bytes moved at least, and seconds taken."""

    name: str
    macs: int
    moved: int
    seconds: float


@dataclass(frozen=True)
class Limits:
    """Rates of the processor per second: int8 multiply-accumulates, bytes copied."""

    macs: float
    moved: float

    def least(self, layer: Layer) -> float:
        """Least time in seconds: the slower of arithmetic and memory."""
        return max(layer.macs / self.macs, layer.moved / self.moved)


def layers(graph: Graph, threads: int) -> list[Layer]:
    """Measure every operation with one activation as input; additions and concatenations are left out."""
    found = []
    for op in graph.ops:
        if isinstance(op, (Conv, Pool, Resize)):
            single = Graph((op,), graph.tensors, op.inputs[0], op.output)
            names = {*op.inputs, op.output}
            moved = sum(math.prod(graph.tensors[n].shape) * graph.tensors[n].dtype.itemsize for n in names)
            found.append(Layer(op.output, _macs(graph, op), moved, seconds(single, threads)))
    return found


def _macs(graph: Graph, op: Op) -> int:
    if isinstance(op, Conv):
        # [O, kh, kw, I], depthwise [1, kh, kw, C]: both times the positions of the output.
        return math.prod(graph.tensors[op.weight].shape) * math.prod(graph.tensors[op.output].shape[1:3])
    if isinstance(op, Pool):
        return math.prod(graph.tensors[op.weight].shape) * graph.tensors[op.input].shape[3]
    return 0


def seconds(graph: Graph, threads: int) -> float:
    """Median time of one run of ``graph`` in LiteRT."""
    interpreter = open_interpreter(write_tflite(graph, "one layer"), threads)
    shape = graph.tensors[graph.input].shape
    values = np.random.default_rng(0).integers(-128, 128, shape).astype(np.int8)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
    return _median(interpreter.invoke)


def limits(threads: int) -> Limits:
    """Measure the limits of this processor."""
    rng = np.random.default_rng(0)
    extent, channels = 64, 512
    unit = Quantization(np.ones(1, np.float32))
    per_channel = Quantization(np.full(channels, 1e-3, np.float32), axis=0)
    weight = rng.integers(-127, 128, (channels, 1, 1, channels)).astype(np.int8)
    tensors = {
        "x": Tensor("x", (1, extent, extent, channels), np.dtype(np.int8), quantization=unit),
        "w": Tensor("w", weight.shape, weight.dtype, weight, per_channel),
        "b": Tensor("b", (channels,), np.dtype(np.int32), np.zeros(channels, np.int32), per_channel),
        "y": Tensor("y", (1, extent, extent, channels), np.dtype(np.int8), quantization=unit),
    }
    graph = Graph((Conv("x", "w", "b", "y", 1, (0, 0, 0, 0), False),), tensors, "x", "y")
    source = np.ones(1 << 26, np.uint8)
    target = np.empty_like(source)
    copied = 2 * source.nbytes / _median(lambda: np.copyto(target, source))
    return Limits(channels * channels * extent * extent / seconds(graph, threads), copied)


def _median(run: Callable[[], object]) -> float:
    """Median time of a call in seconds, after three that do not count; measures for half a second or less."""
    for _ in range(3):
        run()
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < 5 or (len(times) < 500 and time.perf_counter() - began < 0.5):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def roofline_table(found: list[Layer], limit: Limits, whole: float) -> str:
    """Markdown: a row a layer, the sum, and the network as a whole."""
    lines = [
        f"int8 arithmetic {limit.macs / 1e9:.0f} GMAC/s, memory {limit.moved / 1e9:.1f} GB/s",
        "",
        "| layer | MMAC | MB moved | ms | GMAC/s | least ms | of the least |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    least = sum(limit.least(layer) for layer in found)
    total = Layer(
        "sum of these", sum(x.macs for x in found), sum(x.moved for x in found), sum(x.seconds for x in found)
    )
    rows = [(layer, limit.least(layer)) for layer in found]
    rows += [(total, least), (replace(total, name="the network", seconds=whole), least)]
    for layer, lower in rows:
        lines.append(
            f"| {layer.name} | {layer.macs / 1e6:.1f} | {layer.moved / 1e6:.2f} | {layer.seconds * 1e3:.2f} "
            f"| {layer.macs / layer.seconds / 1e9:.1f} | {lower * 1e3:.2f} | {layer.seconds / lower:.1f} |"
        )
    return "\n".join(lines) + "\n"


def _run(args: argparse.Namespace) -> int:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.threads])
    graph = prepare(ExportSource(args.checkpoint, "int8", args.size)).graph
    limit = limits(args.threads)
    text = roofline_table(layers(graph, args.threads), limit, seconds(graph, args.threads))
    if args.markdown:
        write_text(args.markdown, text)
    print(text, end="")
    return 0


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.roofline", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--checkpoint", type=Path, default=WEIGHTS, metavar="FILE", help="quantized network (default: the bundled)"
    )
    parser.add_argument("--size", type=size, default=(1024, 2048), metavar="HxW", help="(default: 1024x2048)")
    parser.add_argument("--threads", type=threads, default=1, metavar="N", help="(default: 1)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table here")
    return guarded(lambda: _run(parser.parse_args(argv)))


if __name__ == "__main__":
    sys.exit(main())
