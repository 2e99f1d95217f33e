"""Number of int8 steps that each channel reaches, before and after equalization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..calibration.ranges import choose_ranges
from ..calibration.scheme import AFFINE, Scheme
from ..calibration.statistics import Histogram, Progress, Statistics, collect, silent
from ..graph.graph import Concat, Graph, scale_groups
from ..ptq.equalize import equalize
from ..ptq.ptq import activation_parameters

FEW = 16
"""Number of steps below which a channel counts as coarse: 4 of its 8 bits are then never used."""

LIMIT = 255
"""Largest number of steps that a range which includes 0 can reach from it."""


@dataclass(frozen=True)
class Part:
    """Channels of a layer that come from one place: all of them, or one side of a concatenation.

    Attributes:
        name: the activation they come from.
        channels: their places among the layer's.
        before, after: int64 [2 * LIMIT + 1], how many values are nearest to each of the steps -LIMIT .. LIMIT around
            real 0. Values of exactly 0 are left out: they cost nothing, and after a ReLU they would hide the rest.
    """

    name: str
    channels: slice
    before: np.ndarray
    after: np.ndarray


@dataclass(frozen=True)
class LayerRanges:
    """One activation, for all that share its scale.

    Attributes:
        before, after: float64 [C], largest magnitude of each channel in int8 steps.
    """

    name: str
    parts: tuple[Part, ...]
    before: np.ndarray
    after: np.ndarray

    @property
    def bits_gained(self) -> float:
        """Mean over the channels; those that were always 0 do not count."""
        alive = self.before > 0
        return float(np.log2(self.after[alive] / self.before[alive]).mean()) if alive.any() else 0.0


@dataclass(frozen=True)
class RangeSummary:
    """Attributes:
    coarse: number of channels with fewer than :data:`FEW` steps.
    least, median, greatest: steps of the channels' peaks.
    """

    coarse: int
    least: float
    median: float
    greatest: float


def summary(peaks: np.ndarray) -> RangeSummary:
    """Summary of the channels that were not always 0."""
    alive = peaks[peaks > 0]
    if not len(alive):
        return RangeSummary(0, 0.0, 0.0, 0.0)
    return RangeSummary(int((alive < FEW).sum()), float(alive.min()), float(np.median(alive)), float(alive.max()))


def measure_channel_ranges(
    graph: Graph, images: Sequence[np.ndarray], scheme: Scheme = AFFINE, *, progress: Progress = silent
) -> list[LayerRanges]:
    """Ranges of every layer, those that gain most first.

    Scales are min-max's, so that nothing but the equalization differs between the two sides. Of the activations
    that share a scale the one with most channels stands for all: a concatenation holds what it was made of.

    Args:
        graph: float.
        images: uint8 [H, W, 3] of the graph's size.
    """
    before = _Side(graph, collect(graph, images, progress=progress), scheme)
    level = equalize(graph, before.statistics)
    after = _Side(level, collect(level, images, progress=progress), scheme)
    order = [op.output for op in graph.ops]
    layers = []
    for group in scale_groups(graph):
        if graph.input not in group:
            name = max((n for n in order if n in group), key=lambda n: graph.tensors[n].shape[-1])
            layers.append(LayerRanges(name, _parts(graph, name, before, after), before.peaks(name), after.peaks(name)))
    return sorted(layers, key=lambda layer: -layer.bits_gained)


class _Side:
    """A float graph and its statistics, in the steps of its int8 form."""

    def __init__(self, graph: Graph, statistics: Mapping[str, Statistics], scheme: Scheme) -> None:
        self.statistics = statistics
        parameters = activation_parameters(graph, choose_ranges(graph, statistics, "min-max", scheme), scheme)
        self.step = {name: float(quantization.scale[0]) for name, quantization in parameters.items()}

    def peaks(self, name: str) -> np.ndarray:
        return self.statistics[name].peak / self.step[name]

    def values(self, name: str) -> np.ndarray:
        histogram = self.statistics[name].histogram
        assert histogram is not None
        return in_steps(histogram, self.step[name])


def in_steps(histogram: Histogram, step: float) -> np.ndarray:
    """int64 [2 * LIMIT + 1]: the counts of the values nearest to each step."""
    nearest = np.clip(np.round(histogram.centers / step), -LIMIT, LIMIT).astype(np.int64)
    counts = np.zeros(2 * LIMIT + 1, np.int64)
    np.add.at(counts, nearest + LIMIT, histogram.counts)
    return counts


def _parts(graph: Graph, name: str, before: _Side, after: _Side) -> tuple[Part, ...]:
    """Parts of ``name``, in the order of its channels."""
    maker = next(op for op in graph.ops if op.output == name)
    sources = maker.inputs if isinstance(maker, Concat) and maker.axis == 3 else (name,)
    parts, start = [], 0
    for source in sources:
        stop = start + graph.tensors[source].shape[-1]
        parts.append(Part(source, slice(start, stop), before.values(source), after.values(source)))
        start = stop
    return tuple(parts)


def range_table(layers: Sequence[LayerRanges]) -> str:
    """Text table, one layer a line: the peaks of its channels in int8 steps."""
    width = max(len("layer"), *(len(layer.name) for layer in layers))
    side = f"{f'< {FEW}':>5}  {'least':>5}  {'median':>6}  {'greatest':>8}"
    lines = [
        f"{'':<{width + 18}}  {'before':<{len(side)}}   after",
        f"{'layer':<{width}}  {'channels':>8}  {'bits +':>6}  {side}   {side}",
    ]
    for layer in layers:
        sides = (summary(peaks) for peaks in (layer.before, layer.after))
        cells = (f"{s.coarse:5}  {s.least:5.1f}  {s.median:6.1f}  {s.greatest:8.1f}" for s in sides)
        lines.append(f"{layer.name:<{width}}  {len(layer.before):8}  {layer.bits_gained:+6.2f}  " + "   ".join(cells))
    return "\n".join(lines)
