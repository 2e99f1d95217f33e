"""Painter for cells of any size, for frames that are no multiple of the grid.

**Layout.** Blocks are [rows, columns, cells], so the long axis is innermost, where numpy's loops are vectorized. Cells
are processed in chunks, so temporaries stay near :data:`CHUNK` elements whatever the frame's size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Int = NDArray[np.intp]

CHUNK = 1 << 16
"""Elements of one temporary block: a few blocks fit the second-level cache of a small board."""


@dataclass(frozen=True)
class Axis:
    """Division of one axis' pixels into the cells between its grid points.

    There are points + 1 cells: cell i lies between grid points i - 1 and i; the first and the last hold the pixels
    at or beyond the outermost points, and have the same point on both sides.

    Attributes:
        cell: [size] cell of each pixel.
        low, high: [points + 1] grid points on either side of a cell.
        pixels: [points + 1, block] pixels of each cell; a cell with fewer repeats its last one.
        weight: [points + 1, block] numerator of the weight of ``high`` at those pixels.
        denominator: common denominator of all weights.
        filled: [points + 1] whether the cell has any pixel (some have none when shrinking).
    """

    cell: Int
    low: Int
    high: Int
    pixels: Int
    weight: Int
    denominator: int
    filled: NDArray[np.bool_]


def axis(points: int, size: int, align_corners: bool) -> Axis:
    pixel = np.arange(size, dtype=np.int64)
    if align_corners:  # position on the grid = pixel * (points - 1) / (size - 1)
        numerator, denominator = pixel * (points - 1), max(size - 1, 1)
    else:  # (pixel + 1/2) * points / size - 1/2
        numerator, denominator = (2 * pixel + 1) * points - size, 2 * size
    cell = np.clip(numerator // denominator + 1, 0, points).astype(np.intp)  # bincount takes no int64 on 32 bits
    inner = (cell > 0) & (cell < points)
    weight = np.where(inner, numerator - (cell - 1) * denominator, 0)
    divisor = int(np.gcd.reduce(np.append(weight, denominator)))

    count = np.bincount(cell, minlength=points + 1)
    first = np.cumsum(count) - count
    within = np.minimum(np.arange(count.max()), np.maximum(count - 1, 0)[:, None])
    pixels = np.minimum(first[:, None] + within, size - 1)
    points_around = np.arange(points + 1)
    return Axis(
        cell=cell,
        low=np.maximum(points_around - 1, 0),
        high=np.minimum(points_around, points - 1),
        pixels=pixels.astype(np.intp),
        weight=(weight[pixels] // divisor).astype(np.intp),
        denominator=denominator // divisor,
        filled=count > 0,
    )


def exact_dtype(denominators: int) -> type:
    """Cheapest dtype in which the interpolation of int8 logits never rounds.

    Two int8 differ by at most 255, so neighboring differences by at most 510; with integer weights nothing in
    :meth:`CellPainter._interpolate` exceeds 510 times the product of both ``denominators``. float32 holds integers to
    2**24, float64 to 2**53 (images of 10**12 pixels).
    """
    bound = 510 * denominators
    if bound <= 1 << 24:
        return np.float32
    return np.int32 if bound < 1 << 31 else np.float64


class CellPainter:
    """Painter for one (grid, size, align_corners): fills and interpolates its cells."""

    def __init__(self, grid: tuple[int, int], size: tuple[int, int], align_corners: bool) -> None:
        self._size = size
        self._rows, self._columns = axis(grid[0], size[0], align_corners), axis(grid[1], size[1], align_corners)
        self._integer_type = exact_dtype(self._rows.denominator * self._columns.denominator)
        self.filled: NDArray[np.bool_] = self._rows.filled[:, None] & self._columns.filled
        block = self._rows.pixels.shape[1], self._columns.pixels.shape[1]
        self._band = max(1, min(block[0], CHUNK // block[1]))  # rows of a block processed at once
        self.cells_at_once = max(1, CHUNK // (self._band * block[1]))

    def fill(self, cell_class: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
        """Fill every cell with its class in ``cell_class`` [h + 1, w + 1]."""
        strips = cell_class.take(self._columns.cell, axis=1)  # [h + 1, W]
        strips.take(self._rows.cell, axis=0, out=out, mode="clip")  # "clip" writes out directly, without a copy

    def paint(
        self, values: np.ndarray, classes: NDArray[np.uint8], row: Int, column: Int, out: NDArray[np.uint8]
    ) -> None:
        """Interpolate some cells and write the winners.

        Args:
            values: [n, 4, m] logits of n classes at the corners (upper left, upper right, lower left, lower right).
            classes: [n, m] indices of these classes, ascending.
            row, column: [m] position of each cell.
            out: [H, W], contiguous.
        """
        pixels = out.reshape(-1)
        values = values.astype(self._integer_type if values.dtype == np.int8 else np.float32)
        across: np.ndarray = self._columns.weight.T[:, column].astype(values.dtype)  # [block columns, m]
        x = self._columns.pixels.T[:, column]
        for start in range(0, self._rows.pixels.shape[1], self._band):
            band = slice(start, start + self._band)
            down: np.ndarray = self._rows.weight[:, band].T[:, row].astype(values.dtype)  # [band, m]
            y = self._rows.pixels[:, band].T[:, row]
            if len(values) == 2:  # the usual case: one interpolation of the difference decides
                ahead = self._interpolate(values[0] - values[1], down, across) >= 0
                best_class = np.where(ahead, classes[0], classes[1])
            else:
                best_class = self._best(values, classes, down, across)
            pixels[(y * self._size[1])[:, None] + x] = best_class

    def finish(self, out: NDArray[np.uint8]) -> None:
        """Do nothing: cells were painted in place."""

    def _best(self, values: np.ndarray, classes: np.ndarray, down: np.ndarray, across: np.ndarray) -> np.ndarray:
        """Class with the largest of n interpolated values: uint8 [band, block columns, m]."""
        best = self._interpolate(values[0], down, across)
        best_class = np.empty(best.shape, np.uint8)
        best_class[...] = classes[0]
        for value, label in zip(values[1:], classes[1:], strict=True):
            rival = self._interpolate(value, down, across)
            np.copyto(best_class, label, where=rival > best)
            np.maximum(best, rival, out=best)
        return best_class

    def _interpolate(self, corners: np.ndarray, down: np.ndarray, across: np.ndarray) -> np.ndarray:
        """Bilinear values times both denominators: [4, m] -> [band, block columns, m]."""
        top_left, top_right, bottom_left, bottom_right = corners
        top = top_left * self._columns.denominator + (top_right - top_left) * across
        bottom = bottom_left * self._columns.denominator + (bottom_right - bottom_left) * across
        block = (bottom - top) * down[:, None]
        block += top * self._rows.denominator
        result: np.ndarray = block
        return result
