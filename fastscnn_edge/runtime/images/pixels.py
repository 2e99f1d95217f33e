"""Conversion of pixels of any depth to 8-bit RGB."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image

from ..frame_pool import copy_pixels
from .orientation import turned_rows, turned_size

_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")

_NEVER_DEEPER_THAN_16 = ("PNG", "PPM")
"""Formats whose integers Pillow may open as mode ``I`` although none exceeds 65535."""

RANGE_UNKNOWN = ("I", "F")


BAND_PIXELS = 1 << 16
"""Pixels converted at once: Pillow's RGB takes 4 bytes a pixel, and numbers on their way to 8 bits take 8, several
times. Bands of a fixed number of rows would be large in a panorama."""


def rgb_array(image: Image.Image, pixel_range: tuple[float, float] | None, orientation: int = 1) -> np.ndarray:
    """Convert ``image``, decoded, to RGB uint8 [H, W, 3], turned as ``orientation`` says, band by band.

    Arguments and errors as :func:`to_rgb`.
    """
    out = np.empty((*turned_size(image, orientation), 3), np.uint8)
    for rows, band in rgb_bands(image, pixel_range, orientation):
        copy_pixels(band, out[rows])
    return out


def rgb_bands(
    image: Image.Image, pixel_range: tuple[float, float] | None, orientation: int = 1
) -> Iterator[tuple[slice, Image.Image]]:
    """Bands of rows of the picture that :func:`rgb_array` returns, from top to bottom, each with its rows."""
    height, width = turned_size(image, orientation)
    step = max(1, BAND_PIXELS // width)
    for top in range(0, height, step):
        bottom = min(top + step, height)
        band = turned_rows(image, orientation, top, bottom)
        band.format = image.format  # it limits the depth of the pixels
        yield slice(top, bottom), to_rgb(band, pixel_range)


def to_rgb(image: Image.Image, pixel_range: tuple[float, float] | None) -> Image.Image:
    """Convert ``image`` to mode RGB.

    16-bit integers are scaled by 1 / 257: 65535 becomes 255. Pillow's own conversion would clip them at 255, to white.

    Args:
        image: any image, decoded or not.
        pixel_range: (black, white) of 16-bit, 32-bit and float pixels. None: 0..65535 for 16 bits; the others have no
            default, since float images hold 0..1, 0..255, meters or kelvins.

    Raises:
        ValueError: 32-bit or float pixels, and no ``pixel_range``.
    """
    if image.mode == "RGB":
        return image
    sixteen = image.mode in _SIXTEEN_BIT or (image.mode == "I" and image.format in _NEVER_DEEPER_THAN_16)
    if not sixteen and image.mode not in RANGE_UNKNOWN:
        return image.convert("RGB")
    if pixel_range is None and not sixteen:
        kind = "float" if image.mode == "F" else "32-bit integer"
        raise ValueError(
            f"its pixels are {kind} numbers of unknown range: give --pixel-range BLACK:WHITE, for example 0:1"
        )
    black, white = pixel_range or (0.0, 65535.0)
    values = np.asarray(image).astype(np.float64)
    scaled = np.nan_to_num((values - black) * (255.0 / (white - black)), nan=0.0, posinf=255.0, neginf=0.0)
    return Image.fromarray(np.rint(scaled.clip(0, 255)).astype(np.uint8)).convert("RGB")
