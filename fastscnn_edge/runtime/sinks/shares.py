"""Share of the pixels per class."""

from __future__ import annotations

import numpy as np
from PIL import Image


def class_shares(class_map: np.ndarray, count: int) -> np.ndarray:
    """Share of the pixels per class: float64 [count], sum 1."""
    # Pillow counts in place; numpy's bincount would first widen the class map to eight bytes a pixel.
    counts = Image.fromarray(np.ascontiguousarray(class_map)).histogram()
    return np.array(counts[:count], np.float64) / class_map.size
