"""Times and percentiles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastscnn_edge.runtime.meter import STAGES, Meter, percentile, summarise


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=300), st.sampled_from([1, 50, 90, 95, 99, 100]))
def test_percentiles_are_nearest_rank(samples: list[int], percent: int) -> None:
    value = percentile(samples, percent)
    assert value == np.percentile(samples, percent, method="inverted_cdf")
    assert value in samples


def test_percentiles_of_a_known_row() -> None:
    summary = summarise([n * 1_000_000 for n in range(100, 0, -1)])
    assert summary is not None
    assert (summary.p50, summary.p90, summary.p95, summary.p99, summary.max) == (50, 90, 95, 99, 100)


def test_nothing_measured_is_not_zero() -> None:
    assert summarise([]) is None
    with pytest.raises(ValueError, match="does not exist"):
        percentile([], 50)
    with pytest.raises(ValueError, match="does not exist"):
        percentile([1], 0)


def test_every_frame_is_kept_and_totalled() -> None:
    meter = Meter()
    assert meter.frames_per_second is None
    meter.start()
    for n in (1, 1000):
        meter.record(7, **dict.fromkeys(STAGES, n))
    assert meter.frames == 2
    assert meter.samples["invoke"] == [1, 1000]
    assert meter.samples["total"] == [len(STAGES), 1000 * len(STAGES)]
    assert meter.latency == [7, 7]
    assert meter.frames_per_second is not None


def test_a_missing_stage_is_an_error() -> None:
    with pytest.raises(KeyError):
        Meter().record(0, capture=1)
