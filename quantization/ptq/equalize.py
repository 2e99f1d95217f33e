"""Cross-layer equalization: the same float function, with the channels of each activation scaled to a common level.

An activation has one scale for all its channels, so a channel that stays small is left with few of the 256 steps.
A positive factor on a channel costs nothing (see :mod:`.channels` for why and where): it multiplies the weights and
the bias that produce the channel and divides the weights that read it. Producers are unaffected: their weights have a
scale for each output channel. So are depthwise consumers. Any other consumer loses precision, because all inputs of
one output channel share a scale: the more a column of its weights shrinks, the fewer steps are left for it. So:

* read only by depthwise convolutions: factor 1 / level of the activation, which makes all channels equal;
* otherwise: factor reading^(1 - s) / level^s, s the strength: 1/2 is the balance of Nagel et al. (2019), 1 is full.

Levels are relative to the median of the scale group, so a factor is near 1 where nothing is unusual. In the pyramid
the group holds the residual stream and the four branches; one factor a channel reaches through sums, pools and
resizes, and the branches come up to the level of the stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..calibration.statistics import Statistics
from ..graph.graph import Conv, Graph, scale_groups
from .channels import ChannelSets, channel_sets

STRENGTH = 0.75

FAINT = 0.01
"""Smallest level that is used, as a share of the median: a channel that is nearly 0 on the calibration images may be
larger on others, and must not be amplified until it saturates there."""


_PIXEL_POWER = 64.0**2
"""Mean square of the input, ``pixel - 128``, of usual images."""

CAUTION = 2048
"""Values of a channel at which its observed level and the one to be expected of its weights count alike; four times as
many leave 6 % to the latter. The peak of few values says little of other images: at 96x128 the deepest activations have
12 positions an image, and 8 similar images once cost 7 points of mIoU."""


def equalize(graph: Graph, statistics: Mapping[str, Statistics], strength: float = STRENGTH) -> Graph:
    """Equalize ``graph``: other weights, the same function up to float rounding.

    Args:
        statistics: those of ``graph``'s activations, from :func:`.statistics.collect`; histograms are not used.
        strength: 0 equalizes the weights that read, 1 the activations.
    """
    sets = channel_sets(graph)
    return rescale_channels(graph, sets, factors(graph, sets, statistics, strength))


def factors(graph: Graph, sets: ChannelSets, statistics: Mapping[str, Statistics], strength: float) -> np.ndarray:
    """Factor for each set of channels, float64 [sets.count].

    Channels that were always 0, that nothing reads, or that are fixed get 1.
    """
    level = _levels(graph, sets, statistics)
    reading, shared = _readings(graph, sets)
    free = (level > 0) & ~sets.fixed
    factor = np.ones(sets.count)
    full = free & ~shared
    factor[full] = 1 / level[full]
    part = free & shared & (reading > 0)
    factor[part] = reading[part] ** (1 - strength) / level[part] ** strength
    return factor


def rescale_channels(graph: Graph, sets: ChannelSets, factor: np.ndarray) -> Graph:
    """Multiply every set of channels by its factor where it is produced, divide where it is read.

    Args:
        factor: float64 [sets.count], positive, 1 for fixed sets.
    """
    tensors = {}
    for op in graph.ops:
        if not isinstance(op, Conv):
            continue
        weight, bias = graph.tensors[op.weight], graph.tensors[op.bias]
        assert weight.data is not None and bias.data is not None
        written, read = factor[sets.of[op.output]], factor[sets.of[op.input]]
        if op.depthwise:
            data = weight.data * (written / read)
        else:
            data = weight.data * written[:, None, None, None] / read
        tensors[op.weight] = replace(weight, data=data.astype(np.float32))
        tensors[op.bias] = replace(bias, data=(bias.data * written).astype(np.float32))
    return graph.replace_tensors(tensors)


def _levels(graph: Graph, sets: ChannelSets, statistics: Mapping[str, Statistics]) -> np.ndarray:
    """Peak of each set relative to its scale group's median, the largest over its activations: float64 [sets.count].

    Where few values were seen, the level to be expected of the weights counts as well (:data:`CAUTION`).
    """
    level, thought, count = (np.zeros(sets.count) for _ in range(3))
    expected = _expected(graph, sets, statistics)
    for group in scale_groups(graph):
        if graph.input in group:
            continue
        peaks = {name: statistics[name].peak for name in sorted(group)}
        usual = _median_alive(np.concatenate(list(peaks.values())))
        # Of the group's best known activation: the pyramid's bins are few, but averages of many.
        most = max(statistics[name].count for name in peaks)
        likely = _median_alive(np.concatenate([expected[sets.of[name]] for name in peaks]))
        for name, peak in peaks.items():
            of = sets.of[name]
            np.maximum.at(level, of, np.where(peak > 0, np.maximum(peak / usual, FAINT), 0))
            np.maximum.at(thought, of, np.maximum(expected[of] / likely, FAINT))
            np.maximum.at(count, of, most)
    share = count**2 / np.maximum(count**2 + CAUTION**2, 1)
    return np.where(level > 0, level**share * thought ** (1 - share), 0)


def _expected(graph: Graph, sets: ChannelSets, statistics: Mapping[str, Statistics]) -> np.ndarray:
    """Magnitude to be expected of each set from the weights that produce it and the power of what they read.

    Returns:
        float64 [sets.count], the largest over its producers; only ratios mean something.
    """
    expected = np.zeros(sets.count)
    for op in graph.ops:
        if isinstance(op, Conv):
            weight, bias = graph.tensors[op.weight].data, graph.tensors[op.bias].data
            assert weight is not None and bias is not None
            squares = np.square(weight, dtype=np.float64)
            power = statistics[op.input].power if op.input in statistics else np.full(weight.shape[3], _PIXEL_POWER)
            spread = squares.sum((0, 1, 2)) * power if op.depthwise else squares.sum((1, 2)) @ power
            np.maximum.at(expected, sets.of[op.output], np.sqrt(spread) + np.abs(bias))
    return expected


def _readings(graph: Graph, sets: ChannelSets) -> tuple[np.ndarray, np.ndarray]:
    """Magnitude of the weights that read a set, relative to the others of their rows.

    Rows and columns are both measured by medians: the outliers to be found would shift a maximum.

    Returns:
        (float64 [sets.count] relative to the median of the convolution, bool: whether any consumer shares a scale).
    """
    reading, shared = np.zeros(sets.count), np.zeros(sets.count, bool)
    for op in graph.ops:
        if isinstance(op, Conv) and not op.depthwise:
            weight = graph.tensors[op.weight].data
            assert weight is not None
            magnitude = np.abs(weight).max((1, 2)).astype(np.float64)  # [O, I]
            row = np.median(magnitude, 1, keepdims=True)
            column = np.median(magnitude / np.where(row > 0, row, 1), 0)
            np.maximum.at(reading, sets.of[op.input], column / _median_alive(column))
            shared[sets.of[op.input]] = True
    return reading, shared


def _median_alive(values: np.ndarray) -> float:
    """Median of the values above 0; 1 where there are none."""
    alive = values[values > 0]
    return float(np.median(alive)) if len(alive) else 1.0
