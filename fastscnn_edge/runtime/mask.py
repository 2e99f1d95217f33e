"""Logits on the coarse grid to one class a pixel: exact bilinear upsampling and argmax, done lazily.

The plain way builds [H, W, C] interpolated logits and takes their argmax. Nearly all of that is wasted.
The grid points divide the picture into rectangular cells, and inside a cell every interpolated logit is a
convex combination of its four corners. So:

1. Argmax on the grid, lowest index first among equals, as torch and numpy have it.
2. A cell whose four corners agree on class w is filled with w. *Proof.* At every corner i < w has
   ``L[i] < L[w]`` (an equal one would have won with its lower index) and j > w has ``L[j] <= L[w]``. A convex
   combination has non-negative weights of sum 1, at least one positive, so it keeps ``<`` and ``<=``: inside,
   no i < w reaches w, and a j > w at most ties and loses by its index. Ties change nothing.
3. Only mixed cells are interpolated, and there only the classes that can win: a class that one and the same
   corner winner beats strictly at all four corners is beaten inside as well, by the same argument.

**Exactness.** For a given size the weights are rationals with one denominator per axis, and argmax does not
care about a positive factor, so weights are used as integer numerators. For int8 logits every product and sum
is then an integer; :func:`_exact_dtype` picks a type that holds all of them, so the result is that of exact
rational arithmetic. For float32 logits it is float32 arithmetic: where the best two classes are closer than
rounding, another order of summation may choose the other one.

**Layout.** Class planes [C, points] and blocks [rows, columns, cells] keep the long axis innermost, where numpy's
loops are vectorised; cells go through in chunks, so temporaries stay near :data:`_CHUNK` elements whatever the
picture's size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Int = NDArray[np.intp]

_CHUNK = 1 << 16
"""Elements of one temporary block: a few of them fit the second-level cache of a small board."""


def class_map(logits: np.ndarray, size: tuple[int, int], align_corners: bool) -> NDArray[np.uint8]:
    """Class of every pixel: ``argmax(interpolate(logits, size, mode="bilinear", align_corners))``.

    Args:
        logits: [h, w, C] float32 or int8, finite, 1 <= C <= 256.
        size: (H, W) of the result, any positive numbers.
        align_corners: as in ``torch.nn.functional.interpolate``.

    Returns:
        uint8 [H, W].

    Raises:
        ValueError: shape, dtype or size is none of these.
    """
    if logits.ndim != 3:
        raise ValueError(f"logits are [h, w, classes], not an array of shape {logits.shape}")
    return MaskPlan((logits.shape[0], logits.shape[1]), size, align_corners).run(logits)


@dataclass(frozen=True)
class _Axis:
    """How the pixels of one axis fall into the cells between its grid points.

    There are points + 1 cells: cell i lies between grid points i - 1 and i; the first and the last hold the pixels
    at or beyond the outermost points, and have the same point on both sides.

    Attributes:
        cell: [size] cell of each pixel.
        low, high: [points + 1] grid points on either side of a cell.
        pixels: [points + 1, block] pixels of each cell; a cell with fewer repeats its last one.
        weight: [points + 1, block] numerator of the weight of ``high`` at those pixels.
        denominator: of all the weights.
        filled: [points + 1] the cell has any pixel (false in places when shrinking).
    """

    cell: Int
    low: Int
    high: Int
    pixels: Int
    weight: Int
    denominator: int
    filled: NDArray[np.bool_]


def _axis(points: int, size: int, align_corners: bool) -> _Axis:
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
    return _Axis(
        cell=cell,
        low=np.maximum(points_around - 1, 0),
        high=np.minimum(points_around, points - 1),
        pixels=pixels.astype(np.intp),
        weight=(weight[pixels] // divisor).astype(np.intp),
        denominator=denominator // divisor,
        filled=count > 0,
    )


def _exact_dtype(denominators: int) -> type:
    """The cheapest type in which the interpolation of int8 logits never rounds.

    Two int8 differ by at most 255, so neighbouring differences by at most 510; with integer weights nothing in
    :func:`_interpolate` exceeds 510 times the product of both ``denominators``. float32 holds integers to 2**24,
    float64 to 2**53 (pictures of 10**12 pixels).
    """
    bound = 510 * denominators
    if bound <= 1 << 24:
        return np.float32
    return np.int32 if bound < 1 << 31 else np.float64


class MaskPlan:
    """Everything :func:`class_map` can know before it sees logits, and the buffers it reuses.

    One plan serves one (grid, size, align_corners); it is not for two threads at once.
    """

    def __init__(self, grid: tuple[int, int], size: tuple[int, int], align_corners: bool) -> None:
        if min(*grid, *size) < 1:
            raise ValueError(f"grid {grid} and size {size} must be positive")
        self.grid, self.size, self.align_corners = grid, size, align_corners
        self._rows = _axis(grid[0], size[0], align_corners)
        self._columns = _axis(grid[1], size[1], align_corners)
        self._integer_type = _exact_dtype(self._rows.denominator * self._columns.denominator)
        self._filled = self._rows.filled[:, None] & self._columns.filled
        block = self._rows.pixels.shape[1], self._columns.pixels.shape[1]
        self._band = max(1, min(block[0], _CHUNK // block[1]))  # rows of a block done at once
        self._cells = max(1, _CHUNK // (self._band * block[1]))  # cells done at once

    def run(self, logits: np.ndarray, out: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """:func:`class_map` of ``logits`` [h, w, C], into ``out`` (uint8 [H, W], contiguous) if given."""
        self._check(logits)
        if out is None:
            out = np.empty(self.size, np.uint8)
        elif out.shape != self.size or out.dtype != np.uint8 or not out.flags.c_contiguous:
            raise ValueError(f"out must be contiguous uint8 {self.size}, not {out.dtype} {out.shape}")
        planes = np.ascontiguousarray(logits.reshape(-1, logits.shape[2]).T)  # [C, h * w]
        winner = _argmax(planes)  # [h * w]
        corner = np.pad(winner.reshape(self.grid), 1, mode="edge")  # corners of cell (i, j): [i:i+2, j:j+2]
        cell_class = corner[:-1, :-1]
        mixed = (cell_class != corner[:-1, 1:]) | (cell_class != corner[1:, :-1]) | (cell_class != corner[1:, 1:])
        mixed &= self._filled

        strips = cell_class.take(self._columns.cell, axis=1)  # [h + 1, W]
        strips.take(self._rows.cell, axis=0, out=out, mode="clip")  # "clip" writes out directly, without a copy
        row, column = np.nonzero(mixed)
        step = max(1, min(self._cells, _CHUNK // len(planes)))
        for start in range(0, len(row), step):
            self._mixed(planes, winner, row[start : start + step], column[start : start + step], out.reshape(-1))
        return out

    def _check(self, logits: np.ndarray) -> None:
        if logits.ndim != 3 or logits.shape[:2] != self.grid or not 1 <= logits.shape[2] <= 256:
            raise ValueError(f"logits must be [{self.grid[0]}, {self.grid[1]}, 1..256], not {list(logits.shape)}")
        if logits.dtype not in (np.int8, np.float32):
            raise ValueError(f"logits must be int8 or float32, not {logits.dtype}")

    def _mixed(self, planes: np.ndarray, winner: np.ndarray, row: Int, column: Int, pixels: np.ndarray) -> None:
        """Interpolate the cells (row, column) and write their classes to ``pixels`` [H * W]."""
        low, high = self._rows.low[row] * self.grid[1], self._rows.high[row] * self.grid[1]
        left, right = self._columns.low[column], self._columns.high[column]
        corners = np.stack([low + left, low + right, high + left, high + right])  # [4, m]
        values = planes.take(corners, axis=1)  # [C, 4, m]
        candidate = _candidates(values, winner[corners])  # [C, m]
        count = candidate.sum(axis=0, dtype=np.intp)
        classes = np.nonzero(candidate.T)[1]  # cell by cell, ascending inside a cell
        first = np.cumsum(count) - count
        for n in np.unique(count):
            cells = np.flatnonzero(count == n)
            chosen = classes[first[cells] + np.arange(n)[:, None]]  # [n, m']
            at_corners = values[chosen[:, None], np.arange(4)[:, None], cells]  # [n, 4, m']
            self._fill(at_corners, chosen.astype(np.uint8), row[cells], column[cells], pixels)

    def _fill(self, values: np.ndarray, classes: np.ndarray, row: Int, column: Int, pixels: np.ndarray) -> None:
        """Interpolate ``values`` [n, 4, m] of ``classes`` [n, m] and write the winners."""
        dtype = self._integer_type if values.dtype == np.int8 else np.float32
        values = values.astype(dtype)
        across: np.ndarray = self._columns.weight.T[:, column].astype(dtype)  # [block columns, m]
        x = self._columns.pixels.T[:, column]
        for start in range(0, self._rows.pixels.shape[1], self._band):
            band = slice(start, start + self._band)
            down: np.ndarray = self._rows.weight[:, band].T[:, row].astype(dtype)  # [band, m]
            y = self._rows.pixels[:, band].T[:, row]
            if len(values) == 2:  # the usual case: one interpolation of the difference decides
                ahead = self._interpolate(values[0] - values[1], down, across) >= 0
                best_class = np.where(ahead, classes[0], classes[1])
            else:
                best_class = self._best(values, classes, down, across)
            pixels[(y * self.size[1])[:, None] + x] = best_class

    def _best(self, values: np.ndarray, classes: np.ndarray, down: np.ndarray, across: np.ndarray) -> np.ndarray:
        """Class of the largest of n interpolated values: uint8 [band, block columns, m]."""
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
        return block


def _argmax(planes: np.ndarray) -> NDArray[np.uint8]:
    """[C, n] -> [n], the lowest index among equals; vectorised along n, unlike numpy's for a short axis."""
    best = planes[0].copy()
    index = np.zeros(best.shape, np.uint8)
    for label, plane in enumerate(planes[1:], start=1):
        np.copyto(index, np.uint8(label), where=plane > best)
        np.maximum(best, plane, out=best)
    return index


def _candidates(values: np.ndarray, winners: np.ndarray) -> NDArray[np.bool_]:
    """Classes that no corner winner beats strictly at all four corners.

    Args:
        values: [C, 4, m] logits at the corners.
        winners: [4, m] class that wins each corner.

    Returns:
        bool [C, m]; the winners themselves are always among them.
    """
    beaten = np.zeros((values.shape[0], values.shape[2]), bool)
    cells = np.arange(values.shape[2])
    for winner in winners:
        leader = values[winner, :, cells].T  # [4, m]
        beaten |= (values < leader).all(axis=1)
    return ~beaten
