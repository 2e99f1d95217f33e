"""Logits on the coarse grid to one class per pixel: exact bilinear upsampling and argmax, done lazily.

The plain way builds [H, W, C] interpolated logits and takes their argmax. Nearly all of that is wasted.
The grid points divide the frame into rectangular cells, and inside a cell every interpolated logit is a
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
is then an integer in a type that holds all of them, so the result is that of exact rational arithmetic. For
float32 logits it is float32 arithmetic: where the best two classes are closer than rounding, another order of
summation may choose the other one.

**Painters.** :mod:`.tiles` if all cells have the same size, :mod:`.cells` for any other frame size.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .cells import CHUNK, CellPainter, Int
from .tiles import TilePainter, fits


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


class Painter(Protocol):
    """Interface of painters: fill and interpolate the cells of one (grid, size, align_corners).

    :class:`~.cells.CellPainter` documents the methods.

    Attributes:
        filled: bool [h + 1, w + 1], whether a cell has any pixel.
        cells_at_once: largest number of cells that :meth:`paint` takes.
    """

    filled: NDArray[np.bool_]
    cells_at_once: int

    def fill(self, cell_class: NDArray[np.uint8], out: NDArray[np.uint8]) -> None: ...

    def paint(
        self, values: np.ndarray, classes: NDArray[np.uint8], row: Int, column: Int, out: NDArray[np.uint8]
    ) -> None: ...

    def finish(self, out: NDArray[np.uint8]) -> None: ...


class MaskPlan:
    """Everything :func:`class_map` computes before it sees logits, and the buffers it reuses.

    One plan serves one (grid, size, align_corners); it is not for two threads at once.

    Args:
        grid: (h, w) of the logits.
        size: (H, W) of the class map.
        align_corners: as in ``torch.nn.functional.interpolate``.
        painter: paints the cells; None chooses the fastest that fits. Class maps are the same with any.
        prune: interpolate only the classes that can win in a cell; False costs time and changes nothing else. These
            last two arguments exist so that ``benchmarks.masks`` can measure what the choices are worth.
    """

    def __init__(
        self,
        grid: tuple[int, int],
        size: tuple[int, int],
        align_corners: bool,
        *,
        painter: Painter | None = None,
        prune: bool = True,
    ) -> None:
        if min(*grid, *size) < 1:
            raise ValueError(f"grid {grid} and size {size} must be positive")
        self.grid, self.size, self.align_corners = grid, size, align_corners
        self._painter = painter or _fastest_painter(grid, size, align_corners)
        self._prune = prune

    def run(self, logits: np.ndarray, out: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """Compute :func:`class_map` of ``logits`` [h, w, C], into ``out`` (uint8 [H, W], contiguous) if given."""
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
        mixed &= self._painter.filled

        self._painter.fill(cell_class, out)
        row, column = np.nonzero(mixed)
        step = max(1, CHUNK // len(planes))
        for start in range(0, len(row), step):
            self._mixed(planes, winner, row[start : start + step], column[start : start + step], out)
        self._painter.finish(out)
        return out

    def _check(self, logits: np.ndarray) -> None:
        if logits.ndim != 3 or logits.shape[:2] != self.grid or not 1 <= logits.shape[2] <= 256:
            raise ValueError(f"logits must be [{self.grid[0]}, {self.grid[1]}, 1..256], not {list(logits.shape)}")
        if logits.dtype not in (np.int8, np.float32):
            raise ValueError(f"logits must be int8 or float32, not {logits.dtype}")

    def _mixed(self, planes: np.ndarray, winner: np.ndarray, row: Int, column: Int, out: NDArray[np.uint8]) -> None:
        """Interpolate the cells (row, column) of ``out``."""
        up, down = _around(row, self.grid[0])
        left, right = _around(column, self.grid[1])
        width = self.grid[1]
        corners = np.stack([up * width + left, up * width + right, down * width + left, down * width + right])  # [4, m]
        values = planes.take(corners, axis=1)  # [C, 4, m]
        if self._prune:
            candidate = _candidates(values, winner[corners])  # [C, m]
        else:
            candidate = np.ones((len(values), len(row)), bool)
        count = candidate.sum(axis=0, dtype=np.intp)
        classes = np.nonzero(candidate.T)[1]  # cell by cell, ascending inside a cell
        first = np.cumsum(count) - count
        for n in np.unique(count):
            alike = np.flatnonzero(count == n)
            for start in range(0, len(alike), self._painter.cells_at_once):
                cells = alike[start : start + self._painter.cells_at_once]
                chosen = classes[first[cells] + np.arange(n)[:, None]]  # [n, m']
                at_corners = values[chosen[:, None], np.arange(4)[:, None], cells]  # [n, 4, m']
                self._painter.paint(at_corners, chosen.astype(np.uint8), row[cells], column[cells], out)


def _fastest_painter(grid: tuple[int, int], size: tuple[int, int], align_corners: bool) -> Painter:
    if fits(grid, size, align_corners):
        return TilePainter(grid, size)
    return CellPainter(grid, size, align_corners)


def _around(cell: Int, points: int) -> tuple[Int, Int]:
    """Grid points before and after each cell; at the edges, the outermost point twice."""
    return np.maximum(cell - 1, 0), np.minimum(cell, points - 1)


def _argmax(planes: np.ndarray) -> NDArray[np.uint8]:
    """Argmax [C, n] -> [n], the lowest index among equals; vectorized along n, unlike numpy's for a short axis."""
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
    everywhere, here = np.empty_like(beaten), np.empty_like(beaten)
    cells = np.arange(values.shape[2])
    for winner in winners:
        # Corner by corner: over a short axis numpy's reductions are not vectorized.
        np.less(values[:, 0], values[winner, 0, cells], out=everywhere)
        for corner in range(1, 4):
            np.less(values[:, corner], values[winner, corner, cells], out=here)
            everywhere &= here
        beaten |= everywhere
    return ~beaten
