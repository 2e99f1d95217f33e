"""Classes made unrecognizable before any sink has the frame (decision 0070).

A pixel is replaced by an interpolation of block means, where a block is a sixteenth of the frame's longer side: of a
face that fills a third of the frame, five or six means are left across it, fewer than people need to recognize one they
know (seven, Sinha et al., "Face Recognition by Humans: Nineteen Results", Proc. IEEE 94(11), 2006). Replaced is what
is within a margin of the class, since its boundary is known only as finely as the network's grid. No pixel's own value
is left anywhere: of two frames whose pixels are exchanged within a block, the same is shown.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from ..frame_pool import FramePool
from ..frames import SegmentedFrame
from .shares import looked_up

BLOCKS = 16
"""Blocks along the longer side of the frame."""

_CELLS = 8
"""Cells along a block: what is replaced is decided cell by cell."""

_MARGIN = 2
"""Cells around the class that are replaced too, a 64th of the longer side: one cell of the bundled model's grid."""

_SMALLEST = 4  # pixels along a cell

_SHOWN = 2
"""Copies in use at once by a camera's outputs: the one being drawn, and the newest, which page and window keep."""


class Blur:
    """Makes some classes unrecognizable in a copy of the frame; the frame itself and the class map stay.

    Args:
        classes: indices of the classes.
        live: frames are those of a camera, whose copies are allocated at the first frame.
    """

    def __init__(self, classes: frozenset[int], live: bool = False) -> None:
        self._classes = classes
        self._pool = FramePool(preallocate=_SHOWN if live else 0)

    def __call__(self, result: SegmentedFrame) -> SegmentedFrame:
        """Return ``result`` with another frame, or itself if it has none of the classes."""
        rgb = result.frame.rgb
        cell = cell_of(rgb.shape[:2])
        hidden = _hidden_cells(result.class_map, self._classes, cell)
        if not hidden.any():
            return result
        out = self._pool.take(rgb.shape)
        out[...] = rgb
        _hide(rgb, hidden, cell, out)
        return result._replace(frame=result.frame._replace(rgb=out))


def cell_of(size: tuple[int, ...]) -> int:
    """Pixels along a cell, for frames of ``size`` (height, width)."""
    return max(_SMALLEST, math.ceil(max(size) / (BLOCKS * _CELLS)))


def _hidden_cells(class_map: np.ndarray, classes: frozenset[int], cell: int) -> np.ndarray:
    """Cells that have a pixel of ``classes``, or are at most the margin from one: bool [rows, columns] of cells."""
    height, width = class_map.shape
    table = [index in classes for index in range(256)]
    columns = np.arange(0, width, cell)
    rows = []
    for top in range(0, height, cell):
        inside = looked_up(class_map[top : top + cell], table)
        rows.append(np.maximum.reduceat(inside.max(axis=0), columns))
    found = np.stack(rows).astype(bool)
    for _ in range(_MARGIN):
        wide = np.pad(found, 1)
        tall = wide[:-2] | wide[1:-1] | wide[2:]
        found = tall[:, :-2] | tall[:, 1:-1] | tall[:, 2:]
    return found


def _hide(rgb: np.ndarray, hidden: np.ndarray, cell: int, out: np.ndarray) -> None:
    """Replace the ``hidden`` cells of ``out``, a row of cells at a time, so that temporaries are small."""
    height, width = rgb.shape[:2]
    block = cell * _CELLS
    used, across = np.flatnonzero(hidden.any(axis=1)), np.flatnonzero(hidden.any(axis=0))
    low = max(int(used[0]) // _CELLS - 1, 0)  # interpolation looks at neighbors
    high = min(int(used[-1]) // _CELLS + 1, (height - 1) // block)
    means = Image.fromarray(
        np.stack([_means(rgb[row * block : (row + 1) * block], cell) for row in range(low, high + 1)])
    )
    left, right = int(across[0]) * cell, min((int(across[-1]) + 1) * cell, width)
    for row in used.tolist():
        top, bottom = row * cell, min((row + 1) * cell, height)
        box = left / block, top / block - low, min(right / block, means.width), min(bottom / block - low, means.height)
        smooth = np.asarray(means.resize((right - left, bottom - top), Image.Resampling.BILINEAR, box=box))
        where = hidden[row].repeat(cell * 3)[left * 3 : right * 3]
        # As rows of bytes: numpy's masked copy is several times as slow along an axis of three.
        band = out[top:bottom].reshape(bottom - top, -1)[:, left * 3 : right * 3]
        np.copyto(band, smooth.reshape(bottom - top, -1), where=where)


def _means(strip: np.ndarray, cell: int) -> np.ndarray:
    """Mean of each block in a row of them: uint8 [blocks, 3]."""
    sums = np.zeros(strip.shape[1:], np.uint32)
    for top in range(0, len(strip), cell):
        sums += strip[top : top + cell].sum(axis=0, dtype=np.uint32)
    starts = np.arange(0, len(sums), cell * _CELLS)
    count = np.diff(starts, append=len(sums))[:, None] * len(strip)
    rounded: np.ndarray = (np.add.reduceat(sums, starts, axis=0) + count // 2) // count
    return rounded.astype(np.uint8)
