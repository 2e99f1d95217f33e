"""Times and percentiles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastscnn_edge.runtime.pipeline.meter import STAGES, Meter, Samples, kept_summary, percentile, summarize


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=300), st.sampled_from([1, 50, 90, 95, 99, 100]))
def test_percentiles_are_nearest_rank(samples: list[int], percent: int) -> None:
    value = percentile(samples, percent)
    assert value == np.percentile(samples, percent, method="inverted_cdf")
    assert value in samples


def test_percentiles_of_a_known_row() -> None:
    summary = summarize([n * 1_000_000 for n in range(100, 0, -1)])
    assert summary is not None
    assert (summary.p50, summary.p90, summary.p95, summary.p99, summary.max) == (50, 90, 95, 99, 100)


def test_nothing_measured_is_not_zero() -> None:
    assert summarize([]) is None
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


def test_samples_never_outgrow_their_memory() -> None:
    samples = Samples(kept=8)
    for n in range(8):
        samples.add(n)
    assert (samples.to_list(), samples.step) == (list(range(8)), 1)
    for n in range(8, 100):
        samples.add(n if n != 77 else 5000)
    assert samples.step == 16
    assert samples.to_list() == list(range(0, 100, 16))
    assert (samples.seen, samples.largest) == (100, 5000)
    summary = kept_summary(samples)
    assert summary is not None and summary.max == 5000 / 1e6


@given(st.integers(0, 500), st.sampled_from([2, 8, 64]))
def test_what_is_kept_is_evenly_spread(count: int, kept: int) -> None:
    samples = Samples(kept)
    for n in range(count):
        samples.add(n)
    assert samples.to_list() == list(range(0, count, samples.step))
    assert len(samples.to_list()) <= kept


def test_a_frame_that_was_not_drawn_has_no_time_of_drawing() -> None:
    meter = Meter()
    meter.record(9, capture=1, preprocess=2, invoke=3, mask=4, queue=5)
    assert meter.samples["total"] == [10]
    assert meter.samples["render"] == meter.samples["output_queue"] == []
    assert meter.samples["queue"] == [5]
    assert meter.summaries()["render"] is None
    with pytest.raises(KeyError):
        meter.record(9, capture=1, preprocess=2, invoke=3, mask=4, lunch=5)
