"""Preprocessing of an RGB frame to the network's input: resize if needed, then ``pixel - 128`` or the pixel itself."""

from __future__ import annotations

import numpy as np

from ...spec import ModelSpec
from ..images import resize_image_into


def check_frame(rgb: np.ndarray) -> None:
    """Raise TypeError unless ``rgb`` is an array, ValueError unless it is uint8 [H, W, 3] with at least one pixel."""
    if not isinstance(rgb, np.ndarray):
        raise TypeError(
            f"a frame is a numpy array, uint8 [H, W, 3], not {type(rgb).__name__}; "
            "np.asarray(image) makes one of a Pillow image in mode RGB"
        )
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
        raise ValueError(f"a frame is RGB [H, W, 3], not an array of shape {list(rgb.shape)}")
    if rgb.dtype != np.uint8:
        raise ValueError(f"a frame is uint8 with values 0..255, not {rgb.dtype}")


def preprocess(rgb: np.ndarray, spec: ModelSpec, buffer: np.ndarray) -> None:
    """Write the network's input for ``rgb`` into ``buffer``. Only a resize allocates, inside Pillow.

    Args:
        rgb: uint8 [H, W, 3], any size.
        spec: the model's description.
        buffer: [1, spec.height, spec.width, 3]; int8 and float32 receive ``pixel - 128``, uint8 the pixels.

    Raises:
        ValueError: wrong shape or dtype of either array.
    """
    check_frame(rgb)
    expected = (1, spec.height, spec.width, 3)
    if buffer.shape != expected:
        raise ValueError(f"the input buffer is {list(buffer.shape)}, the model takes {list(expected)}")
    if buffer.dtype == np.int8:
        # Flipping the top bit of p gives the two's complement of p - 128, in one byte-wide operation.
        pixels = buffer[0].view(np.uint8)
        if rgb.shape == pixels.shape:
            np.bitwise_xor(rgb, np.uint8(0x80), out=pixels)
        else:
            resize_image_into(rgb, pixels, spec.resize_filter)
            np.bitwise_xor(pixels, np.uint8(0x80), out=pixels)
    elif buffer.dtype in (np.uint8, np.float32):
        resize_image_into(rgb, buffer[0], spec.resize_filter)
        if buffer.dtype == np.float32:
            np.subtract(buffer[0], np.float32(128), out=buffer[0])
    else:
        raise ValueError(f"the input buffer is int8, uint8 or float32, not {buffer.dtype}")
