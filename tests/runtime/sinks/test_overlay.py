"""Colors, legend and indexed masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastscnn_edge.classes import CAMVID
from fastscnn_edge.errors import OutputError
from fastscnn_edge.runtime.sinks.overlay import blend, overlay, overlay_bands
from fastscnn_edge.runtime.sinks.png import write_indexed
from fastscnn_edge.runtime.sinks.result_files import ResultFiles, check_writable
from fastscnn_edge.runtime.sinks.style import PLAIN, Style
from tests.helpers import random_image, segmented

CLASSES = np.random.default_rng(0).integers(0, 11, (90, 120)).astype(np.uint8)


def test_blend_is_half_and_half() -> None:
    rgb = random_image(90, 120)
    expected = (rgb.astype(int) + np.asarray(CAMVID.palette)[CLASSES]) / 2
    assert np.abs(blend(rgb, CLASSES, CAMVID) - expected).max() <= 1


def test_masks_are_indexed_pictures(tmp_path: Path) -> None:
    with (tmp_path / "m.png").open("wb") as stream:
        write_indexed(stream, CLASSES, np.asarray(CAMVID.palette, np.uint8))
    with Image.open(tmp_path / "m.png") as image:
        assert image.mode == "P"
        np.testing.assert_array_equal(np.asarray(image), CLASSES)
        np.testing.assert_array_equal(np.asarray(image.convert("RGB")), np.asarray(CAMVID.palette)[CLASSES])


def test_video_frames_all_have_one_size() -> None:
    rgb = random_image(90, 120)
    sizes = {overlay(rgb, np.full((90, 120), c, np.uint8), CAMVID, only_present=False).size for c in range(11)}
    assert len(sizes) == 1


def test_only_present_classes_are_listed() -> None:
    rgb = random_image(90, 120)
    one = overlay(rgb, np.zeros((90, 120), np.uint8), CAMVID, only_present=True)
    many = overlay(rgb, CLASSES, CAMVID, only_present=True)
    assert one.height < many.height


@pytest.mark.parametrize(("moving", "suffix"), [(False, "png"), (True, "jpg")])
def test_results_are_written_and_nothing_else(tmp_path: Path, moving: bool, suffix: str) -> None:
    writer = ResultFiles(tmp_path / "out", CAMVID, moving)
    assert not (tmp_path / "out").exists()
    writer.write(segmented(random_image(90, 120), CLASSES, "a"))
    assert {p.name for p in (tmp_path / "out").iterdir()} == {f"a_overlay.{suffix}", "a_mask.png"}
    with Image.open(tmp_path / "out" / f"a_overlay.{suffix}") as image:
        assert image.format == {"png": "PNG", "jpg": "JPEG"}[suffix]


def test_unwritable_folders_are_found_out_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="not a folder"):
        check_writable(tmp_path / "file" / "out")
    with pytest.raises(OutputError, match="not a folder"):
        check_writable(tmp_path / "file")
    check_writable(tmp_path / "new" / "deep")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("size", [(1, 1), (63, 5), (64, 200), (130, 90), (90, 1000)])
def test_bands_together_are_the_drawing(size: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    rgb = random.integers(0, 256, (*size, 3), dtype=np.uint8)
    class_map = random.integers(0, 11, size, dtype=np.uint8)
    (height, width), bands = overlay_bands(rgb, class_map, CAMVID)
    whole = np.concatenate(list(bands))
    assert whole.shape == (height, width, 3)
    np.testing.assert_array_equal(whole, np.asarray(overlay(rgb, class_map, CAMVID, only_present=True)))


def test_a_picture_of_extreme_width_has_no_legend() -> None:
    size = (2, 20_000)
    shape, bands = overlay_bands(np.zeros((*size, 3), np.uint8), np.zeros(size, np.uint8), CAMVID)
    assert shape == size
    assert sum(len(band) for band in bands) == 2


STYLES = [
    PLAIN,
    Style(opacity=0.3),
    Style(outline=True),
    Style(opacity=0, outline=True, only=frozenset({1, 4})),
    Style(legend=False),
    Style(only=frozenset({3}), opacity=1),
]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("size", [(1, 1), (64, 200), (200, 1700)])
def test_bands_of_any_style_together_are_the_drawing(size: tuple[int, int], style: Style) -> None:
    """Outlines of two pixels cross the edge of a band."""
    random = np.random.default_rng(0)
    rgb = random.integers(0, 256, (*size, 3), dtype=np.uint8)
    class_map = random.integers(0, 11, (-(-size[0] // 9), -(-size[1] // 9)), dtype=np.uint8)
    class_map = class_map.repeat(9, 0).repeat(9, 1)[: size[0], : size[1]]
    (height, width), bands = overlay_bands(rgb, class_map, CAMVID, style)
    whole = np.concatenate(list(bands))
    assert whole.shape == (height, width, 3)
    np.testing.assert_array_equal(whole, np.asarray(overlay(rgb, class_map, CAMVID, True, style)))
    left = (width - size[1]) // 2
    np.testing.assert_array_equal(
        whole[: size[0], left : left + size[1]], blend(rgb, class_map, CAMVID, style), err_msg="the picture itself"
    )


def test_the_default_opacity_draws_what_it_always_drew() -> None:
    rgb = random_image(90, 120)
    halves = (rgb >> 1) + (np.asarray(CAMVID.palette, np.uint8) >> 1)[CLASSES]
    np.testing.assert_array_equal(blend(rgb, CLASSES, CAMVID, PLAIN), halves)


@pytest.mark.parametrize("opacity", [0, 0.1, 0.25, 0.5, 0.77, 1])
def test_opacity_is_the_share_of_the_colors(opacity: float) -> None:
    rgb = random_image(90, 120)
    expected = rgb * (1 - opacity) + np.asarray(CAMVID.palette)[CLASSES] * opacity
    drawn = blend(rgb, CLASSES, CAMVID, Style(opacity=opacity))
    assert np.abs(drawn - expected).max() <= (2.5 if 0 < opacity < 1 else 0)


def test_other_classes_are_left_as_they_are() -> None:
    rgb = random_image(90, 120)
    drawn = blend(rgb, CLASSES, CAMVID, Style(only=frozenset({2, 5}), outline=True))
    painted = np.isin(CLASSES, (2, 5))
    np.testing.assert_array_equal(drawn[~painted], rgb[~painted])
    full = blend(rgb, CLASSES, CAMVID, Style(outline=True))
    np.testing.assert_array_equal(drawn[painted], full[painted])


@pytest.mark.parametrize(("longer", "reach"), [(400, 1), (1600, 2)])
def test_outlines_run_along_boundaries_in_the_classes_own_colors(longer: int, reach: int) -> None:
    class_map = np.zeros((40, longer), np.uint8)
    class_map[10:20, 50:90] = 3
    rgb = np.full((*class_map.shape, 3), 90, np.uint8)
    drawn = blend(rgb, class_map, CAMVID, Style(opacity=0, outline=True))
    inside = drawn[10:20, 50:90]
    assert (inside[:reach] == CAMVID.palette[3]).all() and (inside[:, -reach:] == CAMVID.palette[3]).all()
    assert (inside[reach:-reach, reach:-reach] == 90).all()
    assert (drawn[10 - reach : 10, 50:90] == CAMVID.palette[0]).all()
    assert (drawn[: 10 - reach] == 90).all()


@pytest.mark.parametrize("longer", [300, 1300, 3000, 5400, 8000])
def test_outlines_are_as_wide_as_the_picture_asks_for(longer: int) -> None:
    random = np.random.default_rng(longer)
    class_map = random.integers(0, 11, (3, longer // 40 + 1), dtype=np.uint8).repeat(40, 1).repeat(30, 0)[:, :longer]
    drawn = blend(np.full((*class_map.shape, 3), 7, np.uint8), class_map, CAMVID, Style(opacity=0, outline=True))
    expected, reach = np.zeros(class_map.shape, bool), max(1, round(longer / 800))
    for far in range(1, reach + 1):
        for axis in (0, 1):
            count = class_map.shape[axis]
            one, other = class_map.take(range(count - far), axis), class_map.take(range(far, count), axis)
            places = np.argwhere(one != other)
            expected[tuple(places.T)] = True
            places[:, axis] += far
            expected[tuple(places.T)] = True
    np.testing.assert_array_equal((drawn != 7).any(axis=2), expected)


def test_without_legend_an_overlay_is_as_large_as_the_picture() -> None:
    assert overlay(random_image(90, 120), CLASSES, CAMVID, False, Style(legend=False)).size == (120, 90)


def test_a_legend_has_only_the_painted_classes() -> None:
    rgb, style = random_image(90, 120), Style(only=frozenset({3}))
    strip = np.asarray(overlay(rgb, CLASSES, CAMVID, False, style))[90:].reshape(-1, 3)
    colored = {color for color in CAMVID.palette if len(set(color)) > 1}  # the type is gray
    assert {tuple(color) for color in strip.tolist()} & colored == {CAMVID.palette[3]}


@pytest.mark.parametrize(("kind", "mode"), [("index", "P"), ("gray", "L"), ("color", "RGB")])
def test_masks_have_the_format_asked_for_and_all_classes(tmp_path: Path, kind: str, mode: str) -> None:
    style = Style(mask_format=kind, only=frozenset({0}))
    ResultFiles(tmp_path, CAMVID, False, style).write(segmented(random_image(90, 120), CLASSES, "a"))
    with Image.open(tmp_path / "a_mask.png") as image:
        assert image.mode == mode
        expected = np.asarray(CAMVID.palette)[CLASSES] if kind == "color" else CLASSES
        np.testing.assert_array_equal(np.asarray(image), expected)


@pytest.mark.parametrize("wrong", [{"opacity": 1.1}, {"opacity": float("nan")}, {"mask_format": "tiff"}])
def test_a_style_that_does_not_exist_is_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"opacity is 0 to 1|mask_format is one of"):
        Style(**wrong)
