"""Bilinear upsampling of logits, for programs that want probabilities; class maps do without (:mod:`.plan`)."""

from __future__ import annotations

import numpy as np


def upsample(logits: np.ndarray, size: tuple[int, int], align_corners: bool) -> np.ndarray:
    """Interpolate as ``torch.nn.functional.interpolate(mode="bilinear")`` does.

    Args:
        logits: float32 [h, w, C].
        size: (H, W).
        align_corners: as there.

    Returns:
        float32 [H, W, C].
    """
    low, high, weight = _axis(logits.shape[0], size[0], align_corners)
    rows = logits[low] + (logits[high] - logits[low]) * weight[:, None, None]
    low, high, weight = _axis(logits.shape[1], size[1], align_corners)
    result: np.ndarray = rows[:, low] + (rows[:, high] - rows[:, low]) * weight[None, :, None]
    return result


def _axis(points: int, size: int, align_corners: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each pixel of an axis the grid points before and after it, and the weight of the latter, 0..1."""
    pixel = np.arange(size, dtype=np.float64)
    position = pixel * ((points - 1) / max(size - 1, 1)) if align_corners else (pixel + 0.5) * (points / size) - 0.5
    position = position.clip(0, points - 1)
    low = np.floor(position).astype(np.intp)
    return low, np.minimum(low + 1, points - 1), (position - low).astype(np.float32)
