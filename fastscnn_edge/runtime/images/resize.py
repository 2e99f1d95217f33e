"""Resizing with one filter for everything, and the copy from Pillow's memory to numpy's."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from PIL import Image

from ..frame_pool import copy_pixels

LARGE = 1 << 20
"""Pixels above which an image is resized in bands."""

_BAND = 64

_STRIP_PIXELS = 1 << 18

FILTERS = {"bilinear": Image.Resampling.BILINEAR}
"""``ModelSpec.resize_filter`` -> Pillow's filter (antialiased when it shrinks)."""


def resize_image(image: np.ndarray, height: int, width: int, resample: str = "bilinear") -> np.ndarray:
    """Resize an RGB image, uint8 [H, W, 3], to (height, width); returned as it is if it already has that size.

    Calibration, evaluation and the runtime all resize with this function: another filter would shift masks more than
    any rounding in the network does.
    """
    if image.shape[:2] == (height, width):
        return image
    return to_array(_resized(image, height, width, resample))


def resize_image_into(image: np.ndarray, out: np.ndarray, resample: str = "bilinear") -> None:
    """Resize as :func:`resize_image`, to the size of ``out`` and into it: [H, W, 3], any dtype that holds 0..255."""
    if image.shape == out.shape:
        np.copyto(out, image)
        return
    copy_pixels(_resized(image, out.shape[0], out.shape[1], resample), out)


def _resized(image: np.ndarray, height: int, width: int, resample: str) -> Image.Image:
    """Resize by Pillow, rows first, then columns, each rounded to 8 bits.

    In one call, Pillow 13 chooses the order by the shape, and earlier versions take this one: a mask must not depend on
    that. A large image is narrowed band by band, since Pillow would copy all of it, 4 bytes a pixel.
    """
    rows = image.shape[0]
    if image.shape[0] * image.shape[1] > LARGE and width != image.shape[1]:
        narrow = np.empty((rows, width, 3), np.uint8)
        for top in range(0, rows, _BAND):
            band = np.ascontiguousarray(image[top : top + _BAND])
            copy_pixels(Image.fromarray(band).resize((width, len(band)), FILTERS[resample]), narrow[top : top + _BAND])
        resized = Image.fromarray(narrow)
    else:
        resized = Image.fromarray(np.ascontiguousarray(image)).resize((width, rows), FILTERS[resample])
    return resized.resize((width, height), FILTERS[resample])


def shrunk(
    bands: Iterable[tuple[slice, Image.Image]], rows: int, height: int, width: int, free: Callable[[], object]
) -> np.ndarray:
    """Resize a picture of so many ``rows`` that comes in bands to [height, width, 3] as :func:`resize_image` does.

    Args:
        bands: its rows in order, and the same as an RGB image.
        free: is called as soon as no more bands are needed, and releases what they came from.
    """
    narrow = np.empty((rows, width, 3), np.uint8)
    for place, band in bands:
        copy_pixels(band.resize((width, band.height), FILTERS["bilinear"]), narrow[place])
    free()
    out = np.empty((height, width, 3), np.uint8)
    step = max(1, _STRIP_PIXELS // rows)
    for left in range(0, width, step):  # strips of columns: Pillow would copy all of it, 4 bytes a pixel
        strip = Image.fromarray(np.ascontiguousarray(narrow[:, left : left + step]))
        copy_pixels(strip.resize((strip.width, height), FILTERS["bilinear"]), out[:, left : left + step])
    return out


def to_array(image: Image.Image) -> np.ndarray:
    """Pixels of an RGB ``image``: uint8 [H, W, 3]."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    copy_pixels(image, pixels)
    return pixels
