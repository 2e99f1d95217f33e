"""Calibration data as the post-training quantizers of other engines get it: one .npz file."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np


class Calibration(NamedTuple):
    """Frames uint8 [N, H, W, 3]; mean and standard deviation of R, G, B, float64 [3], in levels 0..255."""

    frames: np.ndarray
    mean: np.ndarray
    std: np.ndarray

    @staticmethod
    def read(path: str | Path) -> Calibration:
        """Read what :meth:`write` wrote."""
        with np.load(path) as stored:
            return Calibration(stored["frames"], stored["mean"], stored["std"])

    def write(self, path: Path) -> None:
        """Write ``path``, uncompressed."""
        np.savez(path, frames=self.frames, mean=np.float64(self.mean), std=np.float64(self.std))

    def pixels(self, frame: np.ndarray) -> np.ndarray:
        """``frame`` normalized, float32 [H, W, 3]."""
        normalized: np.ndarray = (frame - np.float32(self.mean)) / np.float32(self.std)
        return normalized

    def planes(self, frame: np.ndarray) -> np.ndarray:
        """``frame`` as most models take it: normalized float32 [1, 3, H, W], contiguous."""
        return np.ascontiguousarray(self.pixels(frame).transpose(2, 0, 1)[None])
