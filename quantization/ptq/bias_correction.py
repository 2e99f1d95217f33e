"""Biases that make up for the mean error of a quantized convolution.

Rounding weights and clipping activations shift the mean of a convolution's output; the shift is the same
at every position, so the integer bias can take it back at no cost.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..calibration.statistics import Progress, silent
from ..graph.graph import Graph
from .sequential import LayerStatistics, as_matrix, refine_layers


def correct_bias(refinement: LayerStatistics) -> LayerStatistics:
    """The bias with which the mean of every output channel, before ReLU, is the float graph's."""
    assert refinement.weight.data is not None
    matrix = as_matrix(refinement.weight.data, refinement.op.depthwise).astype(np.float64)
    return refinement.with_bias(refinement.mean_target / refinement.unit - (matrix * refinement.mean_input).sum(1))


def correct_biases(
    graph: Graph, quantized: Graph, images: Sequence[np.ndarray], *, progress: Progress = silent
) -> Graph:
    """``quantized`` with the bias of every convolution corrected, first to last.

    Args:
        graph: the float graph that ``quantized`` is the int8 form of.
        pictures: uint8 [H, W, 3] of the graph's size.
    """
    return refine_layers(graph, quantized, images, (correct_bias,), progress=progress)
