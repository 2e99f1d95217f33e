"""Frame rate and latency of the last seconds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastscnn_edge.runtime.sinks.running_stats import RunningStats
from tests.helpers import segmented

PIXEL = np.zeros((1, 1, 3), np.uint8)


@given(st.floats(0.02, 0.5), st.floats(0, 2))
def test_a_steady_source(interval: float, latency: float) -> None:
    stats = RunningStats()
    for number in range(100):
        now = 50 + number * interval
        stats.add(segmented(PIXEL, PIXEL[..., 0], captured_at=now - latency, latency=latency))
    assert stats.frames == 100
    assert stats.rate(now) == pytest.approx(1 / interval)
    assert stats.latency() == pytest.approx(latency * 1e3, abs=1e-6)


def test_the_past_is_forgotten() -> None:
    stats = RunningStats()
    assert stats.rate(0) is None
    assert stats.latency() is None
    for now in (1.0, 1.1, 1.2):
        stats.add(segmented(PIXEL, PIXEL[..., 0], captured_at=now - 0.5, latency=0.5))
    assert stats.rate(1.2) == pytest.approx(10)
    assert stats.rate(60) is None  # a source that hangs has no rate
    assert stats.latency() == pytest.approx(500)
