"""Ranges of every activation of a float graph, chosen from its statistics on images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ..graph.evaluator import run_all
from ..graph.graph import Graph, scale_groups
from .clipping import least_divergence_range, least_error_range, percentile_range
from .scheme import Scheme
from .statistics import Histogram, Statistics, checked


@dataclass(frozen=True)
class Range:
    """Smallest and largest value seen, in the activation's real units."""

    low: float
    high: float

    def union(self, other: Range) -> Range:
        """The smallest range that holds both."""
        return Range(min(self.low, other.low), max(self.high, other.high))


def observe_ranges(graph: Graph, images: Iterable[np.ndarray]) -> dict[str, Range]:
    """Minimum and maximum of each activation over ``images``, uint8 [H, W, 3] of the graph's size.

    The input is left out: its meaning, ``pixel - 128``, is fixed and not measured.
    """
    ranges: dict[str, Range] = {}
    for image in images:
        for name, value in checked(run_all(graph, image)):
            seen = Range(float(value.min()), float(value.max()))
            ranges[name] = ranges[name].union(seen) if name in ranges else seen
    ranges.pop(graph.input, None)
    return ranges


def choose_ranges(graph: Graph, statistics: Mapping[str, Statistics], method: str, scheme: Scheme) -> dict[str, Range]:
    """The range each activation is quantized over; the members of a scale group share one.

    Unless the method is ``min-max``, the logits' range follows from what decides the class: see :func:`_decisive`.

    Args:
        method: a key of :data:`METHODS`.
        scheme: the one the ranges are for; ``mse`` and ``entropy`` try its integers.
    """
    choose = METHODS[method]
    ranges = {}
    for group in scale_groups(graph):
        if graph.input not in group:
            members = [statistics[name] for name in sorted(group)]
            decides = graph.output in group and method != "min-max"
            chosen = (_decisive if decides else choose)(members, scheme)
            ranges.update(dict.fromkeys(group, chosen))
    return ranges


def _min_max(members: list[Statistics], scheme: Scheme) -> Range:
    return Range(min(float(m.low.min()) for m in members), max(float(m.high.max()) for m in members))


def _decisive(members: list[Statistics], scheme: Scheme) -> Range:
    """The range of logits: twice as far from 0 as any runner-up came.

    Which class wins is decided between the two largest. A winner far above every runner-up, or a loser far below,
    may be clipped and still win or lose, while the steps saved there tell near classes apart.
    """
    seen = _min_max(members, scheme)
    limits = [m.runner_up for m in members if m.runner_up is not None]
    if not limits or max(limits) == 0:
        return seen
    limit = LOGIT_MARGIN * max(limits)
    return Range(max(seen.low, -limit), min(seen.high, limit))


def _moving_average(members: list[Statistics], scheme: Scheme) -> Range:
    return Range(min(m.average_low for m in members), max(m.average_high for m in members))


def _percentile(members: list[Statistics], scheme: Scheme) -> Range:
    return Range(*percentile_range(_merged(members)))


def _mse(members: list[Statistics], scheme: Scheme) -> Range:
    return Range(*least_error_range(_merged(members), scheme))


def _entropy(members: list[Statistics], scheme: Scheme) -> Range:
    return Range(*least_divergence_range(_merged(members), scheme))


Chooser = Callable[[list[Statistics], Scheme], Range]
"""The range of a scale group from the statistics of its members."""

METHODS: dict[str, Chooser] = {
    "min-max": _min_max,
    "moving-average": _moving_average,
    "percentile": _percentile,
    "mse": _mse,
    "entropy": _entropy,
}

LOGIT_MARGIN = 2.0
"""Factor on the largest runner-up seen: other images may have larger ones."""


def _merged(members: list[Statistics]) -> Histogram:
    """The sum of the members' histograms."""
    first, *others = (m.histogram for m in members)
    if first is None:
        raise ValueError("this method needs statistics with histograms")
    total = first
    for histogram in others:
        assert histogram is not None
        total = total + histogram
    return total
