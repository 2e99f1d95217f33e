"""Float graphs whose channels were thrown out of balance without changing what they compute."""

from __future__ import annotations

import numpy as np

from fastscnn_edge.quantization.graph.graph import Graph
from fastscnn_edge.quantization.ptq.channels import channel_sets
from fastscnn_edge.quantization.ptq.equalize import rescale_channels

HARD_LAYERS = (
    ("stem", 3, 30.0),
    ("downsample1/pointwise", 7, 1 / 30),
    ("downsample2/pointwise", 11, 30.0),
    ("bottleneck1.2/expand", 5, 30.0),
    ("bottleneck2.1/depthwise", 9, 30.0),
    ("bottleneck3.1/project", 2, 1 / 30),
    ("pyramid/branch2", 4, 30.0),
    ("pyramid/out", 1, 30.0),
    ("classifier1/pointwise", 6, 30.0),
)
"""(producer, channel, factor): the channel times the factor, and its readers by the inverse."""


def unbalanced(graph: Graph) -> Graph:
    """The same float function as ``graph``, and a plain per-tensor quantizer's ruin."""
    sets = channel_sets(graph)
    factor = np.ones(sets.count)
    for name, channel, by in HARD_LAYERS:
        factor[sets.of[name][channel]] = by
    return rescale_channels(graph, sets, factor)


def sqnr(real: np.ndarray, approximate: np.ndarray) -> float:
    """Signal-to-quantization-noise ratio in dB."""
    noise = ((real.astype(np.float64) - approximate) ** 2).mean()
    return float(10 * np.log10((real.astype(np.float64) ** 2).mean() / noise))
