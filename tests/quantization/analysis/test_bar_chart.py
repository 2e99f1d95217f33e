"""Bar charts: lengths, colors, legends."""

from __future__ import annotations

from fastscnn_edge.quantization.analysis.bar_chart import Bar, BarChart, draw_bars

BARS = [Bar("a", 4, "four", "x"), Bar("b", 2, "two", "x"), Bar("c", -1, "", "y")]


def test_bars_are_as_long_as_their_values() -> None:
    (axes,) = draw_bars(BarChart("title", "subtitle", BARS)).axes
    assert [bar.get_width() for bar in axes.patches] == [4, 2, -1]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b", "c"]
    assert axes.get_xlim()[0] < -1 and axes.get_xlim()[1] > 4
    top, bottom = sorted(axes.get_ylim())
    assert axes.get_ylim() == (bottom, top)  # the first bar is the topmost


def test_a_group_has_one_color_and_a_place_in_the_legend() -> None:
    (axes,) = draw_bars(BarChart("title", "subtitle", BARS)).axes
    colors = [bar.get_facecolor() for bar in axes.patches]
    assert colors[0] == colors[1] != colors[2]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["x", "y"]
    written = {text.get_text() for text in axes.texts}
    assert {"four", "two", "title", "subtitle"} <= written


def test_charts_stand_below_each_other() -> None:
    one = BarChart("title", "subtitle", BARS)
    single, double = draw_bars(one), draw_bars(one, one)
    assert len(double.axes) == 2
    assert double.get_figheight() == 2 * single.get_figheight()
