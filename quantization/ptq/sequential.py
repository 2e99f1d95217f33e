"""Refines a quantized graph one convolution at a time, walking it beside its float graph over images.

A convolution is refined on the inputs it will really get: those that the already refined integers before
it compute. So each step also makes good what the earlier ones left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..calibration.statistics import Progress, silent
from ..graph.evaluator import Values, constants, input_values, run_op
from ..graph.graph import Conv, Graph
from .layer_statistics import LayerStatistics, measure_layer

Step = Callable[[LayerStatistics], LayerStatistics]
"""Returns its argument with another weight or bias."""


def refine_layers(
    graph: Graph,
    quantized: Graph,
    images: Sequence[np.ndarray],
    steps: Sequence[Step],
    *,
    progress: Progress = silent,
) -> Graph:
    """``quantized`` with weights and biases of every convolution as ``steps``, applied in turn, leave them.

    Args:
        graph: the float graph that ``quantized`` is the int8 form of.
        images: uint8 [H, W, 3] of the graph's size. The activations of all of them between two operations
            are held in memory at once.
    """
    real: list[Values] = [{graph.input: input_values(graph, image)} for image in images]
    integer: list[Values] = [{graph.input: input_values(quantized, image)} for image in images]
    for number, (op, finished) in enumerate(zip(graph.ops, graph.last_uses(), strict=True), start=1):
        if isinstance(op, Conv):
            layer = measure_layer(graph, quantized, op, real, integer)
            for step in steps:
                layer = step(layer)
            quantized = quantized.replace_tensors({op.weight: layer.weight, op.bias: layer.bias})
        for side, all_values in ((graph, real), (quantized, integer)):
            fixed = constants(side, op)
            for values in all_values:
                values[op.output] = run_op(side, op, {**values, **fixed})
                for name in finished:
                    del values[name]
        progress("refine", number, len(graph.ops))
    return quantized
