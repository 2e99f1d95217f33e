"""What reading a picture will take, known from its header."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from PIL import Image

from .orientation import orientation_of, turned_size
from .reader import opened, size_within

_PIXEL = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}
"""Bytes of a pixel in Pillow's memory; 4 of all other modes, RGB too."""

_RGB = 3

_DECODERS = {"WEBP": 12.0, "AVIF": 5.5}
"""Further bytes per pixel while it is decoded: WebP's decoder holds two frames as RGBA and hands over a third."""

_COEFFICIENT = 2
"""Bytes of each coefficient of a progressive JPEG, all of which are there before the first pixel is."""

_SCALES = (8, 4, 2, 1)
"""A JPEG's decoder makes a picture smaller by one of these factors."""


class PictureHeader(NamedTuple):
    """Size of a picture and what its decoder allocates.

    Attributes:
        height, width: upright, in pixels.
        decoder: bytes that the decoder holds besides the pixels.
        pixel: bytes per decoded pixel.
        copies: decoded pictures in memory at once: two while Pillow itself turns a TIFF.
        scales: the decoder can make it smaller: a JPEG.
    """

    height: int
    width: int
    decoder: float = 0.0
    pixel: int = 4
    copies: int = 1
    scales: bool = False

    def within(self, max_side: int | None) -> tuple[int, int]:
        """(height, width) of what is read."""
        return size_within(self.height, self.width, max_side)

    def reading(self, max_side: int | None) -> float:
        """Most bytes that :class:`.ImageReader` holds at a time, with the array that it returns."""
        height, width = self.within(max_side)
        scale = next((s for s in _SCALES if min(self.height // height, self.width // width) >= s), 1)
        rows, columns = (-(-side // (scale if self.scales else 1)) for side in (self.height, self.width))
        whole = self.pixel * rows * columns
        read = _RGB * height * width
        # The decoder, then either our copy, or one that is narrow but not yet low.
        shrinking = (rows, columns) != (height, width)
        ours = _RGB * rows * width if shrinking else read
        return max(self.decoder + self.copies * whole, whole + ours, ours + read * shrinking)


def picture_header(path: Path) -> PictureHeader:
    """Read the header of a picture.

    Raises:
        SourceError: missing, not a picture, or too large.
    """
    with opened(path) as image:
        # Of a PNG without EXIF before its pixels, Pillow would decode all to look for one behind them.
        exif = image.format != "PNG" or "exif" in image.info
        orientation = orientation_of(image) if exif else 1
        by_pillow = image.format == "TIFF"  # which also gives the size once turned
        return PictureHeader(
            *turned_size(image, 1 if by_pillow else orientation),
            decoder=_decoder(path, image),
            pixel=_PIXEL.get(image.mode, 4),
            copies=1 + (by_pillow and orientation != 1),
            scales=image.format in ("JPEG", "MPO"),
        )


def _decoder(path: Path, image: Image.Image) -> float:
    pixels = image.width * image.height
    if image.format in _DECODERS:
        return _DECODERS[image.format] * pixels + path.stat().st_size
    if image.format == "TIFF" and image.info.get("compression") != "raw":
        return path.stat().st_size  # libtiff maps it
    layers = getattr(image, "layer", ())
    if image.format in ("JPEG", "MPO") and "progressive" in image.info and layers:
        most = max(across * down for _, across, down, *_ in layers)
        return float(_COEFFICIENT * pixels * sum(across * down for _, across, down, *_ in layers) / most)
    return 0.0
