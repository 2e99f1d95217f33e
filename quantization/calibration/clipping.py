"""The range that loses least of a histogram: clipping outliers against the resolution of all other values."""

from __future__ import annotations

import numpy as np

from ..graph.graph import Quantization
from .scheme import Scheme
from .statistics import Histogram

OUTLIERS = 1e-4
"""Share of the values that :func:`percentile_range` leaves outside: the 99.99th percentile."""

_SHRINK = np.linspace(1, 0.2, 81)
"""Candidates for the clipped range as a share of the full one, widest first so that ties keep the most."""


def percentile_range(histogram: Histogram) -> tuple[float, float]:
    """The range without the outermost share of the values, half of it on either side where there are two sides."""
    total = histogram.counts.sum() + histogram.zeros
    allowed = OUTLIERS * total / (2 if histogram.low < 0 < histogram.high else 1)
    cumulated = np.cumsum(histogram.counts)
    edges = np.linspace(histogram.low, histogram.high, len(cumulated) + 1)
    first = int(np.searchsorted(cumulated, allowed, side="right"))
    last = int(np.searchsorted(cumulated, cumulated[-1] - allowed, side="left"))
    return min(0.0, float(edges[min(first, len(cumulated))])), max(0.0, float(edges[last + 1]))


def least_error_range(histogram: Histogram, scheme: Scheme) -> tuple[float, float]:
    """The range with the least :func:`squared_error`, one end searched after the other, twice."""
    low, high = histogram.low, histogram.high

    def error(low: float, high: float) -> float:
        return squared_error(histogram, scheme.activation(low, high))

    for _ in range(2):
        high = min((t * histogram.high for t in _SHRINK), key=lambda candidate: error(low, candidate))
        low = min((t * histogram.low for t in _SHRINK), key=lambda candidate: error(candidate, high))
    return float(low), float(high)


def least_divergence_range(histogram: Histogram, scheme: Scheme) -> tuple[float, float]:
    """The range with the least :func:`divergence`, both ends shrunk by the same share."""
    share = min(_SHRINK, key=lambda t: divergence(histogram, scheme.activation(t * histogram.low, t * histogram.high)))
    return float(share * histogram.low), float(share * histogram.high)


def squared_error(histogram: Histogram, quantization: Quantization) -> float:
    """Sum of squared errors of the values in ``histogram`` when quantized."""
    scale, zero_point = float(quantization.scale[0]), quantization.zero_point
    low, high = _limits(quantization)
    centers = histogram.centers
    back = np.clip(np.round(centers / scale) + zero_point, low, high) - zero_point
    return float(histogram.counts @ (centers - back * scale) ** 2)


def divergence(histogram: Histogram, quantization: Quantization) -> float:
    """Kullback-Leibler divergence, in nats, of the quantized values from the values.

    The distribution within one integer's bins is taken as flat over those that hold anything, as TensorRT does.
    """
    counts = histogram.counts.astype(np.float64)
    scale, zero_point = float(quantization.scale[0]), quantization.zero_point
    low, high = _limits(quantization)
    integers = np.round(histogram.centers / scale).astype(np.int64) + zero_point
    inside = np.flatnonzero((integers >= low) & (integers <= high))
    first, last = inside[0], inside[-1]
    clipped = counts[first : last + 1].copy()
    # Outliers land on the outermost integer: the reference distribution has them, the quantized one does not.
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
