"""Palettes by name and from files, and colors that color-blind eyes tell apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fastscnn_edge.classes import CAMVID, CITYSCAPES, generic
from fastscnn_edge.palettes import COLORBLIND, colorblind, colors_of
from tools.colorblind import MACHADO_2009, least_distances, seen_by


@pytest.mark.parametrize(("count", "least"), [(11, 34.9), (19, 23.2), (32, 16.3)])
@pytest.mark.parametrize("eyes", MACHADO_2009)
def test_colors_are_apart_for_all_eyes(count: int, least: float, eyes: str) -> None:
    assert least_distances(np.array(colorblind(count)))[eyes] >= least


def test_the_models_own_colors_are_not() -> None:
    """Or the palette would be of no use."""
    assert least_distances(np.array(CAMVID.palette))["protanopia"] < 4
    assert least_distances(np.array(CITYSCAPES.palette))["deuteranopia"] < 7


def test_the_simulation_sees_what_color_blind_eyes_confuse() -> None:
    red, green, blue, yellow = (200, 60, 0), (120, 120, 0), (0, 90, 170), (0, 110, 110)
    normal, protan, _, tritan = seen_by(np.array([red, green, blue, yellow]))
    assert np.linalg.norm(normal[0] - normal[1]) > 50 > 40 > np.linalg.norm(protan[0] - protan[1])
    assert np.linalg.norm(normal[2] - normal[3]) > 30 > 20 > np.linalg.norm(tritan[2] - tritan[3])


def test_white_and_black_are_so_in_cielab() -> None:
    lab = seen_by(np.array([(255, 255, 255), (0, 0, 0)]))
    np.testing.assert_allclose(lab[:, 0], np.broadcast_to([100, 0, 0], (4, 3)), atol=0.05)
    np.testing.assert_allclose(lab[:, 1], 0, atol=1e-9)


def test_too_many_classes_are_refused() -> None:
    assert len(colorblind(20)) == 20
    with pytest.raises(ValueError, match="has 32 colors, and there are 150 classes"):
        colors_of("colorblind", generic(150))


def test_files_name_some_classes_and_names_are_known(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("name,r,g,b\nroad, 1, 2, 3\n")
    assert colors_of(tmp_path / "p.csv", CAMVID) == {"road": (1, 2, 3)}
    assert colors_of("Colorblind", CAMVID)["sky"] == COLORBLIND[11][0]
    assert colors_of("cityscapes", CAMVID)["road"] == CITYSCAPES.palette[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [("road\ncar\n", "line without a color"), ("road, 1, 2, 999", "0..255"), ("", "names 0 classes"), (None, "read")],
)
def test_what_is_no_palette_is_told(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "p.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        colors_of(tmp_path / "p.csv", CAMVID)
