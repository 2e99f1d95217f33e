"""Scales that engines can compute with, also for channels and activations that are dead, or nearly so.

XNNPACK refuses a convolution whose scale(input) * scale(weight) / scale(output) is 256 or more, and a sum in which the
scales of an input and the output differ by 256 to 1 or 1 to 1024 (its operators' creation functions). A bias is int32
in units of scale(input) * scale(weight). Networks with channels that training or pruning has switched off, and
calibration pictures of one color, lead to scales far outside; there is next to nothing in such an activation to lose,
so its scale is raised. Scales of ordinary networks are a hundred times away from these limits and stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..graph.graph import Add, Conv, Graph, Pool, Quantization, scale_groups

PRODUCT = 2.0**7
"""Greatest scale(input) * scale(weight) / scale(output) that is left, half of XNNPACK's limit."""

SUM = 2.0**7, 2.0**-9
"""Greatest and least scale(input) / scale(output) of a sum that is left, half and twice XNNPACK's limits."""

BIAS = 2.0**30
"""Greatest magnitude of a bias in its units: half of int32's range, so that a bias correction has room."""

_LEAST = 1e-18
"""Least scale: a product of two is still a normal float32."""


def weight_scale(weight: np.ndarray, bias: np.ndarray | None, source: float, axis: int) -> np.ndarray:
    """Symmetric scale for each channel of ``axis``: float32 [O].

    A channel's peak becomes 127, unless its bias in units of scale(input) * scale(weight) would exceed :data:`BIAS`;
    the weights are then so small beside the bias that they may lose steps. A channel of zeros takes the greatest scale
    of the others, or 1.

    Args:
        weight: float, any rank.
        bias: float [O], None without.
        source: scale of the convolution's input.
    """
    others = tuple(i for i in range(weight.ndim) if i != axis)
    scale = np.abs(weight).max(axis=others).astype(np.float64) / 127
    if bias is not None:
        scale = np.maximum(scale, np.abs(bias.astype(np.float64)) / (BIAS * source))
    alive = scale >= _LEAST
    return np.where(alive, scale, scale[alive].max() if alive.any() else 1.0).astype(np.float32)


def within_limits(graph: Graph, parameters: Mapping[str, Quantization]) -> dict[str, Quantization]:
    """Copy ``parameters`` of every activation of the float ``graph``, with scales raised where engines need it."""
    groups = [sorted(group) for group in scale_groups(graph)]
    group_of = {name: index for index, group in enumerate(groups) for name in group}
    scales = np.array([max(float(parameters[group[0]].scale[0]), _LEAST) for group in groups])
    before, fixed = scales.copy(), group_of[graph.input]
    for _ in groups:
        least = _least_scales(graph, scales, group_of)
        least[fixed] = 0
        if (scales >= least).all():
            break
        # Raised above what is needed, so that the same check of the rounded result finds nothing to raise.
        scales = np.where(scales < least, 2 * least, scales)
    raised = {
        index: replace(parameters[group[0]], scale=scales[index : index + 1].astype(np.float32))
        for index, group in enumerate(groups)
        if scales[index] != before[index]
    }
    return {name: raised.get(group_of[name], value) for name, value in parameters.items()}


def _least_scales(graph: Graph, scales: np.ndarray, group_of: Mapping[str, int]) -> np.ndarray:
    """For each group, the least scale that the operations on its activations allow, the other scales given."""
    least = np.zeros(len(scales))
    for op in graph.ops:
        if isinstance(op, Conv | Pool):
            source, target = group_of[op.input], group_of[op.output]
            weight = graph.tensors[op.weight].data
            bias = graph.tensors[op.bias].data if isinstance(op, Conv) else None
            assert weight is not None
            axis = 3 if isinstance(op, Conv) and op.depthwise else 0
            greatest = scales[source] * float(weight_scale(weight, bias, scales[source], axis).max())
            least[target] = max(least[target], greatest / PRODUCT)
        elif isinstance(op, Add):
            target = group_of[op.output]
            for source in (group_of[name] for name in op.inputs):
                least[target] = max(least[target], scales[source] / SUM[0])
                least[source] = max(least[source], scales[target] * SUM[1])
    return least
