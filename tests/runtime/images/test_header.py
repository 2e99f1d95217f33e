"""What is known of a picture before it is decoded."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from fastscnn_edge.errors import SourceError
from fastscnn_edge.runtime.images.header import picture_header


@pytest.mark.parametrize(
    ("name", "mode", "options", "per_pixel"),
    [
        ("a.jpg", "RGB", {}, 7),
        ("a.jpg", "RGB", {"progressive": True, "subsampling": 0}, 10),
        ("a.png", "RGB", {}, 7),
        ("a.png", "L", {}, 4),
        ("a.webp", "RGB", {}, 16),
        ("a.tif", "RGB", {}, 7),
    ],
)
@pytest.mark.parametrize("orientation", [1, 6])
def test_bytes_of_a_pixel_while_it_is_read(
    tmp_path: Path, name: str, mode: str, options: dict[str, object], per_pixel: int, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / name
    Image.new(mode, (400, 300)).save(path, exif=exif, **options)
    found = picture_header(path)
    assert (found.height, found.width) == ((300, 400) if orientation == 1 else (400, 300))
    turned_by_pillow = name == "a.tif" and orientation == 6
    assert found.reading(None) / 120_000 == pytest.approx(8 if turned_by_pillow else per_pixel, rel=0.02)


def test_only_a_jpeg_is_made_smaller_by_its_decoder(tmp_path: Path) -> None:
    for suffix in ("jpg", "png"):
        Image.new("RGB", (4000, 3000)).save(tmp_path / f"a.{suffix}")
    jpeg, png = (picture_header(tmp_path / f"a.{suffix}").reading(500) for suffix in ("jpg", "png"))
    assert jpeg == 7 * 500 * 375
    assert png == 4 * 4000 * 3000 + 3 * 3000 * 500


def test_a_header_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("text")
    with pytest.raises(SourceError, match="cannot decode"):
        picture_header(tmp_path / "a.png")
