"""The warm-up rule."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fastscnn_edge.bench.warmup import WarmUpRule

RULE = WarmUpRule(window=4, tolerance=0.1)


def test_too_few_samples_are_never_stable() -> None:
    assert not any(RULE.stable([100] * n) for n in range(8))
    assert RULE.stable([100] * 8)


def test_a_falling_time_is_not_stable_until_it_stops_falling() -> None:
    falling = [int(1000 * 0.9**n) for n in range(12)]
    assert not RULE.stable(falling)
    assert RULE.stable(falling + [falling[-1]] * 8)


@given(st.lists(st.integers(1, 10**9), min_size=8, max_size=40), st.integers(0, 7))
def test_one_outlier_in_settled_times_changes_nothing(before: list[int], place: int) -> None:
    settled = [1000] * 8
    settled[place] = 10**9
    assert RULE.stable(before + settled)


def test_the_report_can_state_it() -> None:
    assert str(WarmUpRule()) == (
        "until the medians of two successive windows of 16 frames differ by at most 3 %, at most 30 s"
    )
