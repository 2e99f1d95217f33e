"""Class maps in bulk: share of the pixels per class, and tables looked up for all pixels."""

from __future__ import annotations

import numpy as np
from PIL import Image


def class_shares(class_map: np.ndarray, count: int) -> np.ndarray:
    """Share of the pixels per class: float64 [count], sum 1."""
    # Pillow counts in place; numpy's bincount would first widen the class map to eight bytes a pixel.
    counts = Image.fromarray(np.ascontiguousarray(class_map)).histogram()
    return np.array(counts[:count], np.float64) / class_map.size


def looked_up(values: np.ndarray, table: object) -> np.ndarray:
    """``table[values]`` of uint8, 256 entries; numpy's own lookup would first widen the values to eight bytes each."""
    changed = values.tobytes().translate(np.asarray(table, np.uint8).tobytes())
    return np.frombuffer(changed, np.uint8).reshape(values.shape)
