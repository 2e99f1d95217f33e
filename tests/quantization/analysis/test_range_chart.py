"""The chart of ranges: coarse channels have their color, parts their place, and histograms widen."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from fastscnn_edge.quantization.analysis.channel_ranges import LIMIT, LayerRanges, Part
from fastscnn_edge.quantization.analysis.range_chart import COARSE, ENOUGH, draw_ranges

NOTHING = np.zeros(2 * LIMIT + 1, np.int64)


def layer(before: np.ndarray, after: np.ndarray) -> LayerRanges:
    return LayerRanges("layer", (Part("layer", slice(0, len(before)), NOTHING, NOTHING),), before, after)


def steps(axes, color: str) -> np.ndarray:
    """Heights of the bars of that color, those without one being 1."""
    (patch,) = [p for p in axes.patches if p.get_facecolor()[:3] == to_rgb(color)]
    return patch.get_data().values


@pytest.mark.parametrize("channels", [3, 128, 2000])
def test_coarse_channels_stand_out(channels: int) -> None:
    before, after = np.geomspace(255, 1, channels), np.full(channels, 200.0)
    before[-1] = 0
    left, right = draw_ranges("title", "subtitle", [layer(before, after)]).axes
    few, enough = steps(left, COARSE), steps(left, ENOUGH)
    assert np.count_nonzero(few > 1) == np.count_nonzero((before > 0) & (before < 16))
    assert np.count_nonzero(enough > 1) == np.count_nonzero(before >= 16)
    assert not (steps(right, COARSE) > 1).any()
    assert (steps(right, ENOUGH) == 200).all()


def test_a_layer_that_is_always_zero_is_drawn() -> None:
    figure = draw_ranges("title", "subtitle", [layer(np.zeros(3), np.zeros(3))])
    figure.savefig(io.BytesIO(), format="png")
    assert (steps(figure.axes[0], ENOUGH) == 1).all()


def test_parts_are_sorted_apart_and_share_an_axis() -> None:
    narrow, wide = NOTHING.copy(), NOTHING.copy()
    narrow[LIMIT - 3 : LIMIT + 4], wide[LIMIT - 90 : LIMIT + 91] = 100, 1
    parts = (Part("a/stream", slice(0, 2), narrow, wide), Part("a/pool", slice(2, 5), narrow, narrow))
    figure = draw_ranges("title", "subtitle", [LayerRanges("a", parts, np.arange(16.0, 21), np.full(5, 99.0))])
    bars, _, *histograms = figure.axes
    assert steps(bars, ENOUGH).tolist() == [17, 16, 20, 19, 18]
    assert [label.get_text() for label in bars.get_xticklabels()] == ["a/stream", "a/pool"]
    assert len(histograms) == 4
    assert {axes.get_xlim() for axes in histograms} == {(-90.5, 90.5)}
    widths = [np.count_nonzero(axes.patches[0].get_data().values) for axes in histograms]
    assert widths == [7, 181, 7, 7]


def test_more_layers_make_a_taller_chart() -> None:
    one = layer(np.ones(4), np.ones(4))
    heights = [draw_ranges("title", "subtitle", [one] * count).get_figheight() for count in (1, 2)]
    assert heights[0] < heights[1]
