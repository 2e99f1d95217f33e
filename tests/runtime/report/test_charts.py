"""Charts are well-formed, and leave nothing out."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastscnn_edge.runtime.pipeline.meter import QUEUES, STAGES
from fastscnn_edge.runtime.report.charts import (
    COLORS,
    HEIGHT,
    WIDTH,
    Mark,
    Series,
    histogram,
    line_chart,
    stacked_bar,
    ticks,
)
from fastscnn_edge.runtime.report.html import _STYLE

NUMBERS = st.floats(1e-3, 1e6)


def inside(svg: str) -> ElementTree.Element:
    """Parse it; every coordinate must lie in the drawing."""
    root = ElementTree.fromstring(svg)
    height = float(root.attrib["viewBox"].split()[3])
    for element in root.iter():
        for name in ("x", "x1", "x2", "cx", "y", "y1", "y2", "cy"):
            if name in element.attrib:
                limit = WIDTH if "x" in name else height
                assert -0.1 <= float(element.attrib[name]) <= limit + 0.1, (name, element.attrib)
    return root


@given(st.lists(NUMBERS, min_size=1, max_size=900))
def test_every_value_is_in_a_bar(values: list[float]) -> None:
    root = inside(histogram(values, [Mark("p50", sorted(values)[len(values) // 2]), Mark("max", max(values))], "ms"))
    counts = [int(title.text or "") for rect in root.iter("rect") for title in rect.iter("title")]
    assert sum(counts) == len(values)


@given(st.lists(st.floats(-50, 1e6), min_size=1, max_size=1500))
def test_lines_stay_inside_and_show_the_extremes(values: list[float]) -> None:
    root = inside(line_chart([Series("s", list(enumerate(values)))], "seconds", "ms"))
    ys = [float(pair.split(",")[1]) for line in root.iter("polyline") for pair in line.attrib["points"].split()]
    assert all(0 <= y <= HEIGHT for y in ys)
    if len(values) > 440 and len(set(values)) > 1:
        (band,) = [path for path in root.iter("path") if "range" in path.attrib["class"]]
        ends = [float(v) for part in band.attrib["d"].split("M")[1:] for v in (part.split()[1].split("V"))]
        assert min(ends) <= min(ys) + 0.6
        assert max(ends) >= max(ys) - 0.6


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_round_and_in_range(low: float, span: float) -> None:
    found = ticks(low, low + span)
    assert 1 <= len(found) <= 8
    assert all(low - 1e-6 * span <= t <= low + span + 1e-6 * span for t in found)
    steps = [b - a for a, b in pairwise(found)]
    for step in steps:
        mantissa = step / 10 ** math.floor(math.log10(step) + 1e-9)
        assert min(abs(mantissa - m) for m in (1, 2, 5, 10)) < 0.02


def test_names_are_escaped() -> None:
    root = inside(line_chart([Series("<a>", [(0, 1), (1, 2)]), Series("b&c", [(0, 3)])], "s", "ms"))
    texts = [text.text for text in root.iter("text")]
    assert "<a>" in texts and "b&c" in texts


def test_a_legend_stays_inside() -> None:
    names = [f"thermal_zone{n} cpu{n}-thermal" for n in range(5)]
    root = inside(line_chart([Series(name, [(0, 1), (1, 2)]) for name in names], "s", "degrees C"))
    texts = [text for text in root.iter("text") if text.text in names]
    assert len(texts) == 5
    assert all(float(text.attrib["x"]) + 8 * len(text.text or "") <= WIDTH for text in texts)


def test_a_stacked_bar_fills_its_width() -> None:
    root = ElementTree.fromstring(stacked_bar([("a", 1.0), ("b", 3.0)], "ms"))
    first, second = [r for r in root.iter("rect") if r.attrib["height"] == "30"]
    assert float(second.attrib["x"]) == pytest.approx(WIDTH / 4)
    assert float(first.attrib["width"]) * 3 == pytest.approx(float(second.attrib["width"]), rel=0.05)


def test_nothing_makes_no_chart() -> None:
    with pytest.raises(ValueError, match="nothing"):
        line_chart([Series("a", [])], "s", "ms")
    with pytest.raises(ValueError, match="above 0"):
        histogram([0.0, 1.0], [], "ms")


def test_each_stage_and_queue_has_a_color_of_its_own_light_and_dark() -> None:
    """The sixth and seventh were black."""
    assert len(STAGES) + len(QUEUES) <= COLORS
    for number in range(COLORS):
        assert f".c{number} {{ fill: var(--c{number}); stroke: none; }}" in _STYLE
        values = re.findall(rf"--c{number}: (#[0-9a-f]{{6}});", _STYLE)
        assert len(values) == 2 and len(set(values)) == 2
    assert len(set(re.findall(r"--c\d: (#[0-9a-f]{6});", _STYLE))) == 2 * COLORS


def test_more_parts_than_colors_begin_again() -> None:
    drawn = stacked_bar([(f"part {n}", 1.0) for n in range(COLORS + 2)], "ms")
    assert set(re.findall(r'class="(c\d+)"', drawn)) == {f"c{n}" for n in range(COLORS)}
