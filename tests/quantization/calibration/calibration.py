"""Statistics of made-up values, for the tests of what is chosen from them."""

from __future__ import annotations

import numpy as np

from fastscnn_edge.quantization.calibration.statistics import BINS, Histogram, Statistics


def statistics_of(values: np.ndarray) -> Statistics:
    """Of one activation with one channel."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    counts, _ = np.histogram(values[values != 0], BINS, (low, high))
    histogram = Histogram(counts.astype(np.int64), low, high, int((values == 0).sum()))
    return Statistics(
        np.array([values.min()]),
        np.array([values.max()]),
        np.array([(values**2).mean()]),
        float(values.min()),
        float(values.max()),
        histogram,
    )
