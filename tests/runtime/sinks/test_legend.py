"""Legends below drawings."""

from __future__ import annotations

import numpy as np
import pytest

from fastscnn_edge.classes import CITYSCAPES
from fastscnn_edge.runtime.sinks.legend import _Layout, _percent, legend


@pytest.mark.parametrize("width", [40, 480, 1024, 2048])
@pytest.mark.parametrize("count", [1, 4, 11, 19])
def test_legend_entries_stay_inside_and_apart(width: int, count: int) -> None:
    texts, colors = list(CITYSCAPES.labels[:count]), list(CITYSCAPES.palette[:count])
    strip = legend(texts, colors, width)
    assert strip.width >= width
    unit = max(12, min(32, width // 56))
    entry = 150 if unit == 12 else 300  # room for the longest name
    layout = _Layout.fit(count, entry, unit, width)
    boxes = [layout.position(index) for index in range(count)]
    assert len(set(boxes)) == count
    for x, y in boxes:
        assert x >= 0
        assert x + entry <= layout.width
        assert y - unit // 2 >= 0
        assert y + unit // 2 <= layout.height
    pixels = np.asarray(strip).reshape(-1, 3)
    assert all((pixels == color).all(axis=1).any() for color in colors)  # each swatch can be seen


def test_a_share_below_one_per_cent_is_not_rounded_to_nothing() -> None:
    assert [_percent(share) for share in (1.0, 0.016, 0.01, 0.0099, 0.0001)] == ["100%", "2%", "1%", "<1%", "<1%"]
