"""Observers and the choice of ranges against naive numpy."""

from __future__ import annotations

import numpy as np
import pytest

from fastscnn_edge.quantization.calibration import ranges as calibrate
from fastscnn_edge.quantization.calibration.ranges import (
    METHODS,
    choose_ranges,
    divergence,
    observe_ranges,
    squared_error,
)
from fastscnn_edge.quantization.calibration.scheme import AFFINE, SCHEMES, SYMMETRIC
from fastscnn_edge.quantization.calibration.statistics import AVERAGING, BINS, Histogram, Statistics, collect
from fastscnn_edge.quantization.graph.arithmetic import dequantize, quantize
from fastscnn_edge.quantization.graph.evaluator import run_all
from fastscnn_edge.quantization.graph.graph import Quantization, scale_groups
from fastscnn_edge.quantization.graph.lower import lower
from fastscnn_edge.spec import INT8_NATIVE
from tests.helpers import random_image, random_model

SIZE = (64, 96)


@pytest.fixture(scope="module")
def graph():
    return lower(random_model("mmseg", 5), INT8_NATIVE, *SIZE)


@pytest.fixture(scope="module")
def images():
    return [random_image(*SIZE, seed) for seed in range(3)]


@pytest.fixture(scope="module")
def statistics(graph, images):
    return collect(graph, images)


@pytest.fixture(scope="module")
def everything(graph, images) -> dict[str, np.ndarray]:
    """Activation -> [pictures, h, w, C]."""
    runs = [dict(run_all(graph, image)) for image in images]
    return {name: np.concatenate([values[name] for values in runs]) for name in runs[0]}


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


def test_members_of_a_group_share_edges_and_range(graph, statistics) -> None:
    for method in METHODS:
        ranges = choose_ranges(graph, statistics, method, AFFINE)
        assert set(ranges) == set(statistics)
        for group in scale_groups(graph):
            assert "input" in group or len({ranges[name] for name in group}) == 1
    histogram = statistics["pyramid/branch1"].histogram
    assert histogram.high == statistics["pyramid/concat"].high.max()


def test_min_max_is_what_observe_says(graph, images, statistics) -> None:
    seen, ranges = observe_ranges(graph, images), choose_ranges(graph, statistics, "min-max", AFFINE)
    for name in ("stem", "bottleneck1.2/add", "logits"):
        assert ranges[name] == seen[name]


def test_logits_keep_twice_the_range_of_any_runner_up(graph, statistics, everything) -> None:
    logits = everything["logits"]
    runner_up = np.abs(np.sort(logits, -1)[..., -2]).max()
    assert statistics["logits"].runner_up == pytest.approx(runner_up)
    assert all(seen.runner_up is None for name, seen in statistics.items() if name != "logits")
    for method in METHODS:
        chosen = choose_ranges(graph, statistics, method, SYMMETRIC)["logits"]
        limit = np.inf if method == "min-max" else 2 * runner_up
        assert chosen.low == pytest.approx(max(logits.min(), -limit))
        assert chosen.high == pytest.approx(min(logits.max(), limit))


def test_statistics_without_histograms_take_one_pass(graph, images) -> None:
    calls = []
    statistics = collect(graph, images, histograms=False, progress=lambda *step: calls.append(step))
    assert calls == [("observe", 1, 3), ("observe", 2, 3), ("observe", 3, 3)]
    with pytest.raises(ValueError, match="histograms"):
        choose_ranges(graph, statistics, "mse", AFFINE)


HEAVY_TAILED = {
    "two-sided": np.random.default_rng(1).standard_t(2.5, 100_000),
    "relu": np.maximum(np.random.default_rng(2).standard_t(2.5, 100_000), 0),
    "negative": -np.random.default_rng(3).gamma(0.3, 1, 100_000) - 1e-9,
    "lopsided": np.random.default_rng(4).standard_t(3, 100_000) * np.where(np.arange(100_000) % 2, 1, 0.1),
}


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=list(SCHEMES))
@pytest.mark.parametrize("kind", HEAVY_TAILED)
def test_mse_is_never_worse_than_min_max_and_percentile_clips(kind: str, scheme) -> None:
    values = HEAVY_TAILED[kind].astype(np.float32)
    members = [statistics_of(values)]

    def error(method: str) -> float:
        chosen = METHODS[method](members, scheme)
        q = scheme.activation(chosen.low, chosen.high)
        return float(
            ((dequantize(quantize(values, q.scale[0], q.zero_point), q.scale[0], q.zero_point) - values) ** 2).mean()
        )

    assert error("mse") <= 1.001 * min(error("min-max"), error("percentile"), error("entropy"))
    clipped = METHODS["percentile"](members, scheme)
    outside = ((values < clipped.low) | (values > clipped.high)).mean()
    assert 0 < outside <= calibrate.OUTLIERS


def test_squared_error_of_a_histogram_is_the_error_of_its_values() -> None:
    values = np.random.default_rng(0).normal(0, 1, 200_000).astype(np.float32)
    histogram = statistics_of(values).histogram
    for scheme in SCHEMES.values():
        q = scheme.activation(-2.0, 2.5)
        back = dequantize(quantize(values, q.scale[0], q.zero_point), q.scale[0], q.zero_point)
        assert squared_error(histogram, q) == pytest.approx(((back - values) ** 2).sum(), rel=0.05)


def test_divergence_is_least_where_nothing_is_lost() -> None:
    """Values on 51 levels: quantized with just those levels, their distribution is kept."""
    values = np.random.default_rng(0).integers(-25, 26, 50_000).astype(np.float32)
    histogram = statistics_of(values).histogram
    kept = divergence(histogram, Quantization(np.array([1.0], np.float32)))
    assert kept == pytest.approx(0, abs=1e-9)
    assert divergence(histogram, Quantization(np.array([0.1], np.float32))) > 0.1


def test_histograms_of_other_ranges_do_not_add() -> None:
    one = Histogram(np.zeros(BINS, np.int64), 0, 1, 0)
    with pytest.raises(ValueError, match="different ranges"):
        one + Histogram(np.zeros(BINS, np.int64), 0, 2, 0)


@pytest.mark.parametrize("method", METHODS)
def test_an_activation_that_is_always_zero_gets_a_range(method: str) -> None:
    dead = Statistics(
        np.zeros(2), np.zeros(2), np.zeros(2), 0.0, 0.0, Histogram(np.zeros(BINS, np.int64), 0.0, 1e-12, 8)
    )
    for scheme in SCHEMES.values():
        chosen = METHODS[method]([dead], scheme)
        assert scheme.activation(chosen.low, chosen.high).scale[0] > 0
