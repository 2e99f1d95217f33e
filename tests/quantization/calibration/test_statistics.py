"""Statistics of activations against naive numpy."""

from __future__ import annotations

import numpy as np
import pytest

from fastscnn_edge.quantization.calibration.ranges import choose_ranges
from fastscnn_edge.quantization.calibration.scheme import AFFINE
from fastscnn_edge.quantization.calibration.statistics import AVERAGING, BINS, Histogram, collect


def test_extremes_and_powers_of_every_channel(statistics, everything) -> None:
    assert set(statistics) == set(everything) - {"input"}
    for name, seen in statistics.items():
        rows = everything[name].reshape(-1, everything[name].shape[-1]).astype(np.float64)
        np.testing.assert_array_equal(seen.low, rows.min(0))
        np.testing.assert_array_equal(seen.high, rows.max(0))
        np.testing.assert_allclose(seen.power, (rows**2).mean(0), rtol=1e-5)
        np.testing.assert_array_equal(seen.peak, np.abs(rows).max(0))


def test_moving_average_follows_the_pictures_in_order(statistics, everything) -> None:
    for name in ("stem", "bottleneck1.2/add", "logits"):
        expected = None
        for high in everything[name].reshape(3, -1).max(1).astype(np.float64):
            expected = high if expected is None else AVERAGING * expected + (1 - AVERAGING) * high
        assert statistics[name].average_high == pytest.approx(expected)


def test_histograms_count_every_value_once(statistics, everything) -> None:
    for name, seen in statistics.items():
        histogram, values = seen.histogram, everything[name]
        assert histogram.counts.sum() + histogram.zeros == values.size
        assert histogram.zeros == (values == 0).sum()
        expected, _ = np.histogram(values[values != 0], BINS, (histogram.low, histogram.high))
        # float32 against float64 at the edges of bins: a value may fall to the neighbor.
        assert np.abs(np.cumsum(histogram.counts) - np.cumsum(expected)).max() <= 0.005 * values.size


def test_statistics_without_histograms_take_one_pass(graph, images) -> None:
    calls = []
    statistics = collect(graph, images, histograms=False, progress=lambda *step: calls.append(step))
    assert calls == [("observe", 1, 3), ("observe", 2, 3), ("observe", 3, 3)]
    with pytest.raises(ValueError, match="histograms"):
        choose_ranges(graph, statistics, "mse", AFFINE)


def test_histograms_of_other_ranges_do_not_add() -> None:
    one = Histogram(np.zeros(BINS, np.int64), 0, 1, 0)
    with pytest.raises(ValueError, match="different ranges"):
        one + Histogram(np.zeros(BINS, np.int64), 0, 2, 0)
