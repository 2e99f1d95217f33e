"""The choice of ranges against naive numpy."""

from __future__ import annotations

import numpy as np
import pytest

from fastscnn_edge.quantization.calibration.clipping import OUTLIERS
from fastscnn_edge.quantization.calibration.ranges import METHODS, choose_ranges, observe_ranges
from fastscnn_edge.quantization.calibration.scheme import AFFINE, SCHEMES, SYMMETRIC
from fastscnn_edge.quantization.calibration.statistics import BINS, Histogram, Statistics
from fastscnn_edge.quantization.graph.arithmetic import dequantize, quantize
from fastscnn_edge.quantization.graph.graph import scale_groups

from .calibration import statistics_of


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
    assert 0 < outside <= OUTLIERS


@pytest.mark.parametrize("method", METHODS)
def test_an_activation_that_is_always_zero_gets_a_range(method: str) -> None:
    dead = Statistics(
        np.zeros(2), np.zeros(2), np.zeros(2), 0.0, 0.0, Histogram(np.zeros(BINS, np.int64), 0.0, 1e-12, 8)
    )
    for scheme in SCHEMES.values():
        chosen = METHODS[method]([dead], scheme)
        assert scheme.activation(chosen.low, chosen.high).scale[0] > 0
