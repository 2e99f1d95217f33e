"""Biases that make up for the mean error of a quantized convolution.

Rounding weights and clipping activations shift the mean of a convolution's output; the shift is the same
at every position, so the integer bias can take it back at no cost.
"""

from __future__ import annotations

import numpy as np

from .layer_statistics import LayerStatistics, as_matrix


def correct_bias(layer: LayerStatistics) -> LayerStatistics:
    """The bias with which the mean of every output channel, before ReLU, is the float graph's."""
    assert layer.weight.data is not None
    matrix = as_matrix(layer.weight.data, layer.op.depthwise).astype(np.float64)
    return layer.with_bias(layer.mean_target / layer.unit - (matrix * layer.mean_input).sum(1))
