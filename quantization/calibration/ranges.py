"""Ranges of every activation of a float graph, chosen from what was seen on pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ..graph.evaluator import run_all
from ..graph.graph import Graph, Quantization, scale_groups
from .scheme import Scheme
from .statistics import Histogram, Statistics


@dataclass(frozen=True)
class Range:
    """Least and greatest value seen, in the activation's real units."""

    low: float
    high: float

    def union(self, other: Range) -> Range:
        return Range(min(self.low, other.low), max(self.high, other.high))


def observe_ranges(graph: Graph, images: Iterable[np.ndarray]) -> dict[str, Range]:
    """Run the float graph over ``pictures`` (uint8 [H, W, 3], its own size); min and max per activation.

    The input is left out: its meaning, ``pixel - 128``, is fixed and not measured.
    """
    ranges: dict[str, Range] = {}
    for image in images:
        for name, value in run_all(graph, image):
            seen = Range(float(value.min()), float(value.max()))
            ranges[name] = ranges[name].union(seen) if name in ranges else seen
    ranges.pop(graph.input, None)
    return ranges


def choose_ranges(graph: Graph, statistics: Mapping[str, Statistics], method: str, scheme: Scheme) -> dict[str, Range]:
    """The range each activation is quantized over; the members of a scale group get one between them.

    Unless the method is ``min-max``, the logits' range follows the decision they are for: see :func:`_decisive`.

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

    Which class wins is decided between the two greatest. A winner far above every runner-up, or a loser far below,
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
    """Leaves out the outermost share of the values, half of it on either side where there are two sides."""
    histogram = _merged(members)
    total = histogram.counts.sum() + histogram.zeros
    allowed = OUTLIERS * total / (2 if histogram.low < 0 < histogram.high else 1)
    cumulated = np.cumsum(histogram.counts)
    edges = np.linspace(histogram.low, histogram.high, len(cumulated) + 1)
    first = int(np.searchsorted(cumulated, allowed, side="right"))
    last = int(np.searchsorted(cumulated, cumulated[-1] - allowed, side="left"))
    return Range(min(0.0, float(edges[min(first, len(cumulated))])), max(0.0, float(edges[last + 1])))


def _mse(members: list[Statistics], scheme: Scheme) -> Range:
    """The clipping with the least mean squared error, one end searched after the other."""
    histogram = _merged(members)
    low, high = histogram.low, histogram.high

    def error(low: float, high: float) -> float:
        return squared_error(histogram, scheme.activation(low, high))

    for _ in range(2):
        high = min((t * histogram.high for t in _SHRINK), key=lambda candidate: error(low, candidate))
        low = min((t * histogram.low for t in _SHRINK), key=lambda candidate: error(candidate, high))
    return Range(float(low), float(high))


def _entropy(members: list[Statistics], scheme: Scheme) -> Range:
    """The clipping, of both ends at once, whose integers say most about the values (least KL divergence)."""
    histogram = _merged(members)
    share = min(_SHRINK, key=lambda t: divergence(histogram, scheme.activation(t * histogram.low, t * histogram.high)))
    return Range(share * histogram.low, share * histogram.high)


Chooser = Callable[[list[Statistics], Scheme], Range]

METHODS: dict[str, Chooser] = {
    "min-max": _min_max,
    "moving-average": _moving_average,
    "percentile": _percentile,
    "mse": _mse,
    "entropy": _entropy,
}

LOGIT_MARGIN = 2.0
"""Other pictures may have greater runners-up than those seen."""

OUTLIERS = 1e-4
"""Share of the values that ``percentile`` leaves outside: the 99.99th percentile."""

_SHRINK = np.linspace(1, 0.2, 81)
"""Candidates for the clipped range as a share of the full one, widest first so that ties keep the most."""


def squared_error(histogram: Histogram, quantization: Quantization) -> float:
    """Sum of squared errors of the values in ``histogram`` when quantized."""
    scale, zero_point = float(quantization.scale[0]), quantization.zero_point
    low, high = _limits(quantization)
    centers = histogram.centers
    back = np.clip(np.round(centers / scale) + zero_point, low, high) - zero_point
    return float(histogram.counts @ (centers - back * scale) ** 2)


def divergence(histogram: Histogram, quantization: Quantization) -> float:
    """Kullback-Leibler divergence, in nats, of the quantized values from the values.

    The distribution behind one integer is taken as flat over the bins that hold anything, as TensorRT does.
    """
    counts = histogram.counts.astype(np.float64)
    scale, zero_point = float(quantization.scale[0]), quantization.zero_point
    low, high = _limits(quantization)
    integers = np.round(histogram.centers / scale).astype(np.int64) + zero_point
    inside = np.flatnonzero((integers >= low) & (integers <= high))
    first, last = inside[0], inside[-1]
    clipped = counts[first : last + 1].copy()
    # Outliers land on the outermost integer; the reference keeps them, the quantized shape is drawn without.
    kept = clipped.copy()
    clipped[0] += counts[:first].sum()
    clipped[-1] += counts[last + 1 :].sum()
    level = integers[first : last + 1] - integers[first]
    filled = clipped > 0
    mass = np.bincount(level, kept)
    width = np.maximum(np.bincount(level, filled), 1)
    flat = np.where(filled, (mass / width)[level], 0)
    p, q = clipped / max(clipped.sum(), 1), flat / max(flat.sum(), 1)
    q = np.where(filled, np.maximum(q, 1e-9), q)
    return float(np.sum(p[filled] * np.log(p[filled] / q[filled])))


def _limits(quantization: Quantization) -> tuple[int, int]:
    """Integers a range may use: zero point 0 leaves -128 out, so that both sides are alike."""
    return (-127 if quantization.zero_point == 0 else -128), 127


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
