"""The chart of sensitivities: mIoU lost if it was measured, else noise power."""

from __future__ import annotations

import pytest

from fastscnn_edge.quantization.analysis.sensitivity import Sensitivity
from fastscnn_edge.quantization.analysis.sensitivity_chart import draw_sensitivity


def test_noise_is_drawn_as_power() -> None:
    rows = [Sensitivity("a", "conv", 30.0, 0.9, None), Sensitivity("b", "add", float("inf"), 1.0, None)]
    (axes,) = draw_sensitivity(rows, "affine").axes
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([1.0, 0.0])  # per mille
    assert {"30.0 dB", "inf dB", "affine; per mille of their power"} <= {text.get_text() for text in axes.texts}


def test_points_are_drawn_if_they_were_measured() -> None:
    rows = [Sensitivity("a", "conv", 30.0, 0.9, 1.5), Sensitivity("b", "add", 40.0, 1.0, -0.25)]
    (axes,) = draw_sensitivity(rows, "affine").axes
    assert [bar.get_width() for bar in axes.patches] == [1.5, -0.25]
    assert {"+1.50", "-0.25"} <= {text.get_text() for text in axes.texts}
