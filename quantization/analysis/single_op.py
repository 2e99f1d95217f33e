"""Evaluates a float graph with only one operation quantized."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..graph.arithmetic import dequantize, quantize
from ..graph.evaluator import constants, real_values, run_all, run_op
from ..graph.graph import Conv, Graph, Level, Op, Quantization, quantization_of

Values = dict[str, np.ndarray]


def float_values(graph: Graph, image: np.ndarray) -> Values:
    """Every activation of a float graph on one image, uint8 [H, W, 3]."""
    return dict(run_all(graph, image))


def logits_with_one_quantized(
    graph: Graph,
    quantized: Graph,
    index: int,
    values: Mapping[str, np.ndarray],
) -> np.ndarray:
    """Logits [1, h, w, C] where operation ``index`` has int8 weights and an int8 output, no other.

    Only the operations that depend on it are computed again.

    Args:
        graph: float.
        quantized: its int8 form; gives weights and scales.
        values: from :func:`float_values`.
    """
    op = graph.ops[index]
    known = {**values, **constants(graph, op)}
    if isinstance(op, Conv):
        known[op.weight] = real_values(quantized.tensors[op.weight])
    changed = {op.output: fake_quantize(run_op(graph, op, known), quantization_of(quantized.tensors[op.output]))}
    for later in graph.ops[index + 1 :]:
        if any(name in changed for name in later.inputs):
            changed[later.output] = run_op(graph, later, {**values, **constants(graph, later), **changed})
    return changed[graph.output] if graph.output in changed else values[graph.output]


def is_rounded(op: Op) -> bool:
    """Whether an operation has an output of its own to round; a slice only passes its input through."""
    return not isinstance(op, Level)


def fake_quantize(value: np.ndarray, quantization: Quantization) -> np.ndarray:
    """float32 values rounded to the nearest that the integers can represent."""
    scale, zero_point = quantization.scale[0], quantization.zero_point
    return dequantize(quantize(value, scale, zero_point), scale, zero_point)
