"""Colors, legend and indexed masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastscnn_edge.classes import CAMVID, CITYSCAPES
from fastscnn_edge.errors import OutputError
from fastscnn_edge.runtime.sinks.overlay import _Layout, _percent, blend, class_shares, legend, overlay, overlay_bands
from fastscnn_edge.runtime.sinks.png import write_indexed
from fastscnn_edge.runtime.sinks.result_files import ResultFiles, check_writable
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


def test_shares_add_up() -> None:
    shares = class_shares(CLASSES, 19)
    assert shares.shape == (19,)
    assert shares.sum() == pytest.approx(1)
    assert (shares[11:] == 0).all()


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


def test_video_frames_all_have_one_size() -> None:
    rgb = random_image(90, 120)
    sizes = {overlay(rgb, np.full((90, 120), c, np.uint8), CAMVID, only_present=False).size for c in range(11)}
    assert len(sizes) == 1


def test_a_share_below_one_per_cent_is_not_rounded_to_nothing() -> None:
    assert [_percent(share) for share in (1.0, 0.016, 0.01, 0.0099, 0.0001)] == ["100%", "2%", "1%", "<1%", "<1%"]


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
