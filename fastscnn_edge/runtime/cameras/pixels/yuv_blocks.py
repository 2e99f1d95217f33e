"""Sums over square blocks of a raw camera frame, which shrink the frame before it is converted.

The conversion is linear, so the color of a block's average is the average of its colors, and an average costs a
fraction of a conversion. Bytes are separated in pairs, as 16-bit words: the low byte by a mask, the high byte by a
shift, both over contiguous memory.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

_BAND = 1 << 15
"""Words processed at once; the three temporaries of this size are 192 KiB."""

LARGEST = 16
"""Largest side of a block in pixels: its sums stay below 2**16."""


class BlockSums:
    """Sums of luma and chroma over blocks of ``reduce`` x ``reduce`` pixels. Not thread-safe.

    Args:
        format: ``YUYV``, ``UYVY`` or ``NV12``.
        width, height: size of the frame in pixels, divisible by ``reduce``.
        reduce: even, at most :data:`LARGEST`.
    """

    def __init__(self, format: str, width: int, height: int, reduce: int) -> None:
        if reduce % 2 or not 2 <= reduce <= LARGEST or width % reduce or height % reduce:
            raise ValueError(f"cannot make {width}x{height} smaller by {reduce}")
        self._format, self._reduce = format, reduce
        self.chroma_samples = reduce * reduce // (4 if format == "NV12" else 2)
        """Samples in one chroma sum; a luma sum has all pixels of the block."""
        words = width // 2 if format == "NV12" else width
        self.rows = max(1, _BAND // words)
        """Largest number of rows of the smaller frame in one band."""
        self._low, self._high, self._part = (np.empty((self.rows, words), np.uint16) for _ in range(3))
        self._sums = np.empty((3, self.rows, width // reduce), np.uint16)

    def bands(self, luma: np.ndarray, chroma: np.ndarray) -> Iterator[tuple[slice, np.ndarray, np.ndarray, np.ndarray]]:
        """Yield rows of the smaller frame with their sums of Y, U and V, uint16 [rows, width / reduce].

        The sums are overwritten by the next iteration.

        Args:
            luma: rows of the frame as bytes, uint8 [H, bytes]; in a packed format they hold luma and chroma.
            chroma: rows of chroma pairs of NV12; ignored for packed formats.
        """
        factor, half = self._reduce, self._reduce // 2
        for top in range(0, len(luma) // factor, self.rows):
            rows = slice(top, min(top + self.rows, len(luma) // factor))
            y, u, v = self._sums[:, : rows.stop - top]
            if self._format == "NV12":
                low, high = self._halves(luma, rows, factor)
                np.add(low, high, out=low)  # two adjacent luma samples
                _across(low, range(half), half, y)
                low, high = self._halves(chroma, rows, half)
                _across(low, range(half), half, u)
                _across(high, range(half), half, v)
            else:
                low, high = self._halves(luma, rows, factor)
                both, pairs = (low, high) if self._format == "YUYV" else (high, low)
                _across(both, range(factor), factor, y)
                _across(pairs, range(0, factor, 2), factor, u)
                _across(pairs, range(1, factor, 2), factor, v)
            yield rows, y, u, v

    def _halves(self, data: np.ndarray, rows: slice, height: int) -> tuple[np.ndarray, np.ndarray]:
        """Sum ``height`` rows into each of ``rows``, separately for even and odd bytes."""
        n = rows.stop - rows.start
        low, high, part = self._low[:n], self._high[:n], self._part[:n]
        words = data[rows.start * height : rows.stop * height].view("<u2")
        np.bitwise_and(words[::height], 255, out=low)
        np.right_shift(words[::height], 8, out=high)
        for row in range(1, height):
            np.bitwise_and(words[row::height], 255, out=part)
            np.add(low, part, out=low)
            np.right_shift(words[row::height], 8, out=part)
            np.add(high, part, out=high)
        return low, high


def _across(sums: np.ndarray, columns: range, width: int, out: np.ndarray) -> None:
    """Sum ``columns`` of each group of ``width`` columns."""
    np.copyto(out, sums[:, columns[0] :: width])
    for column in columns[1:]:
        np.add(out, sums[:, column::width], out=out)
