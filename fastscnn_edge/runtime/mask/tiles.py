"""Painter for cells of equal size, for frames that are a whole multiple of the grid.

That holds for every frame of the model's own size, and for many cameras at 16, 24 or 32 times the grid. Then all cells
have the same weights, and interpolating is one matrix product, corners [cells, 4] by weights [4, pixels] (decision
0027).

Cells are painted on a canvas that is half a cell larger than the frame on every side, so that none is cut and all
begin at a multiple of eight: eight pixels are one 64-bit word, and are moved as one.

**Exactness.** The products are integers in float32, and nothing exceeds 255 times the sum of the weights; see
:data:`_LARGEST_CELL`. Sums below 2**24 are exact in any order, so it does not matter how a BLAS adds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .cells import CHUNK, Int

_WORD = 8
"""Pixels moved at once."""

_LARGEST_CELL = (1 << 24) // (255 * 4)
"""Pixels per cell up to which integers stay exact: its weights sum to four times as much, and two int8 differ by at
most 255."""

_EVERY_BYTE = np.uint64(0x0101010101010101)


def fits(grid: tuple[int, int], size: tuple[int, int], align_corners: bool) -> bool:
    """Whether :class:`TilePainter` can paint this combination."""
    (height, rest_y), (width, rest_x) = divmod(size[0], grid[0]), divmod(size[1], grid[1])
    whole = not align_corners and not rest_y and not rest_x
    return whole and height % 2 == 0 and width % _WORD == 0 and 0 < height * width <= _LARGEST_CELL


class TilePainter:
    """Painter for one (grid, size) that :func:`fits`; half-pixel centers.

    :class:`~.cells.CellPainter` documents the methods.
    """

    def __init__(self, grid: tuple[int, int], size: tuple[int, int]) -> None:
        self._height, self._width = size[0] // grid[0], size[1] // grid[1]
        self._size = size
        self.filled: NDArray[np.bool_] = np.ones((grid[0] + 1, grid[1] + 1), bool)
        words = self._width // _WORD
        self._canvas = np.empty((grid[0] + 1, self._height, grid[1] + 1, words), np.uint64)
        # Of pixel p among k, the lower or right corner has weight (2 p + 1) / 2 k.
        down, right = (np.arange(1, 2 * n, 2, dtype=np.float32) for n in (self._height, self._width))
        up, left = 2 * self._height - down, 2 * self._width - right
        outer = [np.multiply.outer(y, x).reshape(-1) for y in (up, down) for x in (left, right)]
        self._weights = np.stack(outer)  # [4, pixels]
        pixels = self._height * self._width
        self.cells_at_once = max(1, CHUNK // pixels)
        self._sums = np.empty((2, self.cells_at_once, pixels), np.float32)
        self._ahead = np.empty((self.cells_at_once, pixels), bool)
        self._classes = np.empty((self.cells_at_once, pixels), np.uint8)

    def fill(self, cell_class: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
        """Fill every cell with its class in ``cell_class`` [h + 1, w + 1]."""
        self._canvas[...] = (cell_class * _EVERY_BYTE)[:, None, :, None]

    def paint(
        self, values: np.ndarray, classes: NDArray[np.uint8], row: Int, column: Int, out: NDArray[np.uint8]
    ) -> None:
        """Interpolate at most :attr:`cells_at_once` cells; they are in ``out`` after :meth:`finish`."""
        corners = values.astype(np.float32).transpose(0, 2, 1)  # [n, m, 4]
        m = len(row)
        best, rival = self._sums[0, :m], self._sums[1, :m]
        ahead, winners = self._ahead[:m], self._classes[:m]
        if len(values) == 2:  # the usual case: the sign of one interpolated difference decides
            np.matmul(corners[1] - corners[0], self._weights, out=best)
            np.greater(best, 0, out=ahead)
            # first + (second - first) where the second is ahead: bytes wrap around twice, so the result is right.
            np.multiply(ahead.view(np.uint8), (classes[1] - classes[0])[:, None], out=winners)
            np.add(winners, classes[0][:, None], out=winners)
        else:
            np.matmul(corners[0], self._weights, out=best)
            winners[...] = classes[0][:, None]
            for value, label in zip(corners[1:], classes[1:], strict=True):
                np.matmul(value, self._weights, out=rival)
                np.greater(rival, best, out=ahead)
                np.copyto(winners, label[:, None], where=ahead)
                np.maximum(best, rival, out=best)
        self._canvas[row, :, column] = winners.view(np.uint64).reshape(m, self._height, -1)

    def finish(self, out: NDArray[np.uint8]) -> None:
        """Copy the class map out of the canvas."""
        top, left = self._height // 2, self._width // 2
        canvas = self._canvas.view(np.uint8).reshape(self._size[0] + self._height, self._size[1] + self._width)
        out[...] = canvas[top : top + self._size[0], left : left + self._size[1]]
