"""Ratios of interleaved rounds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.rounds import RESTART, ratio

from .case import rounds


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=9), st.floats(0.1, 10))
@settings(max_examples=50, deadline=None)
def test_a_machine_that_slows_down_for_both_changes_nothing(speeds: list[int], factor: float) -> None:
    """Paired rounds: whatever the machine did meanwhile, the ratio is exact, and its interval as narrow as it gets."""
    below = [[1000 * s] * 3 for s in speeds]
    above = [[int(1000 * s * factor)] * 3 for s in speeds]
    found = ratio(above, below)
    assert found.low <= found.value <= found.high
    assert found.value == pytest.approx(factor, rel=1e-2)
    assert found.high - found.low <= (2 * RESTART + 0.02) * factor


def test_the_interval_has_the_truth_as_often_as_it_says() -> None:
    hits = 0
    for seed in range(60):
        found = ratio(rounds(30, noise=0.1, seed=seed), rounds(20, noise=0.1, seed=1000 + seed))
        hits += found.low <= 1.5 <= found.high
    assert hits >= 50  # 95 % of 60 are 57
