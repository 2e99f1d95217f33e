"""Intervals that cover what they say they cover, correlated samples included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastscnn_edge.bench.bootstrap import Interval, block_length, medians, ratio_of_medians

SAMPLES = st.lists(st.integers(1, 10**10), min_size=8, max_size=120)


def correlated(rng: np.random.Generator, count: int, phi: float) -> np.ndarray:
    """Latencies around 10 ms whose neighbors resemble each other: AR(1) in the logarithm."""
    noise = rng.normal(size=count)
    values = np.empty(count)
    values[0] = noise[0] / np.sqrt(1 - phi**2)
    for index in range(1, count):
        values[index] = phi * values[index - 1] + noise[index]
    return np.exp(0.05 * values) * 1e7


@settings(max_examples=25)
@given(SAMPLES, SAMPLES)
def test_the_ratio_is_that_of_the_medians_and_inside(a: list[int], b: list[int]) -> None:
    found = ratio_of_medians(a, b)
    assert found.ratio == pytest.approx(np.median(a) / np.median(b))
    assert 0 < found.low <= found.high


@settings(max_examples=15)
@given(SAMPLES, SAMPLES, st.integers(2, 1000))
def test_units_do_not_matter(a: list[int], b: list[int], factor: int) -> None:
    plain = ratio_of_medians(a, b)
    scaled = ratio_of_medians([x * factor for x in a], [x * factor for x in b])
    assert scaled == pytest.approx(plain, rel=1e-9)


@settings(max_examples=15)
@given(SAMPLES)
def test_a_report_does_not_differ_from_itself(samples: list[int]) -> None:
    assert not ratio_of_medians(samples, samples).beyond_noise


@given(SAMPLES, st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_resampled_medians_lie_among_the_samples(samples: list[int], length: int, seed: int) -> None:
    found = medians(samples, length, np.random.default_rng(seed), 20)
    assert found.min() >= min(samples) and found.max() <= max(samples)


@given(st.lists(st.integers(1, 100), min_size=1, max_size=300))
def test_blocks_are_at_least_one_and_at_most_a_third(samples: list[int]) -> None:
    assert 1 <= block_length(samples) <= max(1, len(samples) // 3)


def test_blocks_grow_with_correlation() -> None:
    rng = np.random.default_rng(0)
    lengths = [block_length(correlated(rng, 2000, phi)) for phi in (0.0, 0.6, 0.95)]
    assert lengths[0] <= 3 < lengths[1] < lengths[2]


def test_correlated_noise_is_not_taken_for_a_difference() -> None:
    """Equal machines, 40 pairs of runs: the plain bootstrap cries wolf in half of them and more, ours seldom."""
    rng = np.random.default_rng(1)
    ours = plain = 0
    for seed in range(40):
        a, b = correlated(rng, 600, 0.9), correlated(rng, 600, 0.9)
        ours += ratio_of_medians(a, b, seed).beyond_noise
        independent = np.random.default_rng(seed)
        low, high = np.quantile(medians(a, 1, independent, 300) / medians(b, 1, independent, 300), [0.025, 0.975])
        plain += not low <= 1 <= high
    assert ours <= 9
    assert plain >= 16


def test_a_real_difference_is_found() -> None:
    rng = np.random.default_rng(2)
    a, b = correlated(rng, 1000, 0.5), correlated(rng, 1000, 0.5)
    assert ratio_of_medians(a * 1.1, b).low > 1.04
    assert Interval(1.0, 0.9, 1.1).beyond_noise is False


def test_nothing_to_compare() -> None:
    with pytest.raises(ValueError, match="above 0"):
        ratio_of_medians([], [1])
