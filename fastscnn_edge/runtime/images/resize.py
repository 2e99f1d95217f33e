"""Resizing with one filter for everything, and the copy from Pillow's memory to numpy's."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ..frame_pool import copy_pixels

FILTERS = {"bilinear": Image.Resampling.BILINEAR}
"""``ModelSpec.resize_filter`` -> Pillow's filter (antialiased when it shrinks)."""


def resize_image(image: np.ndarray, height: int, width: int, resample: str = "bilinear") -> np.ndarray:
    """Resize an RGB image, uint8 [H, W, 3], to (height, width); returned as it is if it already has that size.

    Calibration, evaluation and the runtime all resize with this function: another filter would shift masks more than
    any rounding in the network does.
    """
    if image.shape[:2] == (height, width):
        return image
    return to_array(Image.fromarray(np.ascontiguousarray(image)).resize((width, height), FILTERS[resample]))


def resize_image_into(image: np.ndarray, out: np.ndarray, resample: str = "bilinear") -> None:
    """Resize as :func:`resize_image`, to the size of ``out`` and into it: [H, W, 3], any dtype that holds 0..255."""
    if image.shape == out.shape:
        np.copyto(out, image)
        return
    resized = Image.fromarray(np.ascontiguousarray(image)).resize((out.shape[1], out.shape[0]), FILTERS[resample])
    copy_pixels(resized, out)


def to_array(image: Image.Image) -> np.ndarray:
    """Pixels of an RGB ``image``: uint8 [H, W, 3]."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    copy_pixels(image, pixels)
    return pixels
