"""Frame rate and latency of the last seconds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastscnn_edge.runtime.frames import Frame
from fastscnn_edge.runtime.sinks.running_stats import RunningStats

PIXEL = np.zeros((1, 1, 3), np.uint8)


@given(st.floats(0.02, 0.5), st.floats(0, 2))
def test_a_steady_source(interval: float, latency: float) -> None:
    figures = RunningStats()
    for number in range(100):
        now = 50 + number * interval
        figures.finished(Frame(PIXEL, "f", now - latency), now)
    assert figures.frames == 100
    assert figures.rate(now) == pytest.approx(1 / interval)
    assert figures.latency() == pytest.approx(latency * 1e3, abs=1e-6)


def test_the_past_is_forgotten() -> None:
    figures = RunningStats()
    assert figures.rate(0) is None
    assert figures.latency() is None
    for now in (1.0, 1.1, 1.2):
        figures.finished(Frame(PIXEL, "f", now - 0.5), now)
    assert figures.rate(1.2) == pytest.approx(10)
    assert figures.rate(60) is None  # a source that hangs has no rate
    assert figures.latency() == pytest.approx(500)
