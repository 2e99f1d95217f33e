"""The chart of a case: time above memory, the fastest first."""

from __future__ import annotations

from benchmarks.chart import draw
from benchmarks.contestants import OURS, REFERENCE

from .case import CASE


def test_time_and_memory_are_drawn_in_the_same_order() -> None:
    time, memory = draw(CASE).axes
    names = [[label.get_text() for label in axes.get_yticklabels()] for axes in (time, memory)]
    assert names[0] == names[1] == ["OpenVINO INT8", OURS, "TFLite INT8 in graph", REFERENCE]
    assert [bar.get_width() for bar in memory.patches] == [200, 100, 150, 750]
    lengths = [bar.get_width() for bar in time.patches]
    assert lengths == sorted(lengths)
