"""Small valid models: the whole network with a few channels in each layer."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from fastscnn_edge.runtime.engines.tflite_file import attach_spec
from fastscnn_edge.spec import IMAGENET, INT8_NATIVE
from tests.helpers import random_image, tiny

SIZE = (36, 64)
CLASSES = 3
WEIGHTS = Path(__file__).parents[2] / "fastscnn_edge" / "weights"

_WIDTHS = {"stem": 4, "downsample1": 6, "downsample2": 8, "bottleneck1": 8, "bottleneck2": 10, "bottleneck3": 12}
_EXPANSION = 2


def narrow_graph(dialect: str = "mmseg", size: tuple[int, int] = SIZE):
    """The whole network with a few channels in each layer, float32: every operation in some 50 KB."""
    from fastscnn_edge.quantization.graph.network import build_network
    from fastscnn_edge.reference.dialects import DIALECTS, POOL_BINS

    rng = np.random.default_rng(3)
    widths = {**_WIDTHS, "pyramid": 12, "fusion": 8, "classifier1": 8, "classifier2": 8, "logits": CLASSES}
    now = [3]

    def weights(layer: str) -> tuple[np.ndarray, np.ndarray]:
        stage, _, part = layer.partition("/")
        kernel = 3 if part == "depthwise" or stage == "stem" else 1
        if stage == "pyramid":
            source, out = (12, 4) if part.startswith("branch") else (12 + 4 * len(POOL_BINS), 12)
            kernel = DIALECTS[dialect].pyramid_kernel if part == "out" else 1
        elif stage == "fusion":
            source, out = {"depthwise": (12, 12), "lower": (12, 8), "higher": (8, 8)}[part]
        else:
            source, out = now[0], widths[stage.partition(".")[0]]
            out = source * _EXPANSION if part == "expand" else source if part == "depthwise" else out
        now[0] = out
        if stage == "fusion":
            now[0] = 8
        shape = (1, kernel, kernel, out) if part == "depthwise" else (out, kernel, kernel, source)
        return rng.normal(0, 0.5, shape).astype(np.float32), rng.normal(0, 0.1, out).astype(np.float32)

    normalization = IMAGENET if dialect == "mmseg" else INT8_NATIVE
    border = np.array(normalization.mean) - 128.0
    return build_network(DIALECTS[dialect], weights, border, *size)


@cache
def narrow_graphs() -> dict[str, Any]:
    """Name -> graph: every precision, both dialects, and layers of other types."""
    from fastscnn_edge.export.precision import halve, quantize_weights
    from fastscnn_edge.quantization.calibration.ranges import observe_ranges
    from fastscnn_edge.quantization.calibration.scheme import SCHEMES
    from fastscnn_edge.quantization.graph.mixed_precision import int16_activations, keep_float
    from fastscnn_edge.quantization.ptq.ptq import quantize_graph

    graphs = {}
    for dialect in ("mmseg", "paper"):
        graph = narrow_graph(dialect)
        ranges = observe_ranges(graph, [random_image(*SIZE)])
        scheme = SCHEMES["affine" if dialect == "mmseg" else "symmetric"]
        int8 = quantize_graph(graph, ranges, scheme)
        graphs |= {f"{dialect} fp32": graph, f"{dialect} int8": int8}
    graph, int8 = graphs["mmseg fp32"], graphs["mmseg int8"]
    graphs["fp16"], graphs["dynamic"] = halve(graph), quantize_weights(graph)
    graphs["int16 layers"] = int16_activations(int8, ["fusion/*", "downsample*"])
    graphs["float layers"] = keep_float(int8, graph, ["pyramid/*", "logits"])
    return graphs


def spec_of(name: str):
    precision = next((p for p in ("fp32", "fp16", "dynamic") if p in name), "int8")
    return tiny.spec(*SIZE, classes=CLASSES, precision=precision, align_corners="paper" in name)


def narrow_tflites() -> list[bytes]:
    """Whole .tflite files of :func:`narrow_graphs`."""
    from fastscnn_edge.export.to_tflite.writer import write_tflite

    return [attach_spec(write_tflite(graph, "narrow"), spec_of(name)) for name, graph in narrow_graphs().items()]
