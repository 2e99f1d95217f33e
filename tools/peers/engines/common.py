"""Types of all engines, and the float input that most of them take."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Segment = Callable[[np.ndarray], np.ndarray]
"""From a frame, uint8 [H, W, 3], to its class map, uint8 [H, W]."""


class FrameFormat(NamedTuple):
    """Height and width in pixels; mean and standard deviation of R, G, B in levels 0..255."""

    height: int
    width: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


def normalizer(frame_format: FrameFormat) -> Callable[[np.ndarray], np.ndarray]:
    """From a frame to float32 [1, 3, H, W], in the words of every guide."""
    mean, std = np.array(frame_format.mean, np.float32), np.array(frame_format.std, np.float32)

    def normalize(frame: np.ndarray) -> np.ndarray:
        pixels = (frame.astype(np.float32) - mean) / std
        return np.ascontiguousarray(pixels.transpose(2, 0, 1))[None]

    return normalize
