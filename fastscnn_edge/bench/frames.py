"""Frames for a benchmark, drawn or decoded; all are in memory before the first is measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import UsageError
from ..runtime.images import ImageReader
from ..runtime.sources.open import open_source

MAX_FRAMES = 8
"""Frames held in memory, which the measurement cycles through. Enough that no cache holds them all."""

SYNTHETIC_FRAMES = 4

_BAND = 16  # rows drawn at once


def synthetic_frames(height: int, width: int, count: int = SYNTHETIC_FRAMES) -> list[np.ndarray]:
    """Draw street-like frames: sky, houses of several colors, a road, grain on everything.

    Integer arithmetic only and its own random generator, so that every board and every numpy draws the same bytes: the
    mask's time depends on the image, and a benchmark whose input differs between boards compares nothing.

    Returns:
        ``count`` different uint8 [height, width, 3].
    """
    return [_street(height, width, number) for number in range(count)]


def frames_from(path: Path, reader: ImageReader | None = None, limit: int = MAX_FRAMES) -> list[np.ndarray]:
    """Read the first ``limit`` images or video frames of ``path``, each uint8 [H, W, 3].

    Raises:
        SourceError: no readable image or video.
    """
    frames: list[np.ndarray] = []
    with open_source(path, reader=reader) as source:
        for frame in source:
            frames.append(frame.rgb)
            if len(frames) == limit:
                break
    if not frames:
        raise UsageError(f"{path} holds no frame")
    return frames


def _street(height: int, width: int, number: int) -> np.ndarray:
    image = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, _BAND):  # band by band: temporaries of the whole frame would set the peak memory
        image[top : top + _BAND] = _band(top, min(top + _BAND, height), height, width, number)
    return image


def _band(top: int, bottom: int, height: int, width: int, number: int) -> np.ndarray:
    y, x = np.arange(top, bottom, dtype=np.int64)[:, None], np.arange(width, dtype=np.int64)
    horizon, house = 45 * height // 100, max(1, width // 9)
    plot = (x + number * house // 3) // house
    roof = horizon - horizon * (3 + plot * 7 % 5) // 10
    road = np.abs(2 * x - width) * (height - horizon) < 2 * width * np.maximum(y - horizon, 0)
    channels = []
    for channel in range(3):
        sky = 150 + 30 * channel + 40 * y // height
        wall = 60 + (plot * (37 + 11 * channel) + 53 * channel) % 120
        ground = np.where(road, 90 + 3 * channel, 70 + 50 * (channel == 1))
        plane = np.where(y < roof, sky, np.where(y < horizon, wall, ground))
        channels.append(plane + _grain(y, x, 3 * number + channel))
    return np.stack(channels, axis=-1).astype(np.uint8)


def _grain(y: np.ndarray, x: np.ndarray, seed: int) -> np.ndarray:
    """Grain of 0..15 per pixel without a visible pattern: a multiplicative hash of its position."""
    mixed = (y.astype(np.uint32) * np.uint32(0x9E3779B1)) ^ (x.astype(np.uint32) * np.uint32(0x85EBCA77))
    mixed ^= np.uint32(seed * 0x27D4EB2F & 0xFFFFFFFF)
    mixed *= np.uint32(0xC2B2AE3D)
    result: np.ndarray = (mixed >> np.uint32(28)).astype(np.int64)
    return result
