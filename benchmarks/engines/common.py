"""What the engines share: types, and the float input that most of them want."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Segment = Callable[[np.ndarray], np.ndarray]


class Picture(NamedTuple):
    """Height and width in pixels; mean and standard deviation of R, G, B in levels 0..255."""

    height: int
    width: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


def normalizer(picture: Picture) -> Callable[[np.ndarray], np.ndarray]:
    """From a frame to float32 [1, 3, H, W], in the words of every guide."""
    mean, std = np.array(picture.mean, np.float32), np.array(picture.std, np.float32)

    def normalize(frame: np.ndarray) -> np.ndarray:
        pixels = (frame.astype(np.float32) - mean) / std
        return np.ascontiguousarray(pixels.transpose(2, 0, 1))[None]

    return normalize
