"""Conversion of raw camera formats to RGB in numpy, into the caller's memory.

R = Y' + (2 - 2 Kr) V', B = Y' + (2 - 2 Kb) U', G = Y' - the rest, where Kr and Kb are BT.601's (0.299, 0.114) unless
the driver says BT.709 (0.2126, 0.0722). Limited range (Y 16..235, U and V 16..240), which V4L2 prescribes for YUV
unless the driver says otherwise, is stretched to 0..255; full range is taken as it is. Chroma is repeated, not
interpolated: the network's input is smaller than the frame, and the next resize blurs more than that.

float32 is exact enough (the result is the rounded real value, except for ties) and vectorizes everywhere. Rows are
processed in bands that fit a small cache; the bands are the only temporaries, and they are reused.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .yuv_blocks import BlockSums

_BAND = 1 << 14
"""Chroma samples processed at once; five float32 temporaries of this size are 320 KiB."""


class Matrix(NamedTuple):
    """Meaning of YUV values: weights of red and blue in luma, and limited or full range."""

    red: float = 0.299
    blue: float = 0.114
    full: bool = False


BT601 = Matrix()
BT709 = Matrix(0.2126, 0.0722)


class YuvDecoder:
    """Converter for frames of one format, size and matrix. Not thread-safe.

    Args:
        format: ``YUYV``, ``UYVY`` (4:2:2, packed); 4:2:0 with a plane of luma and one of chroma pairs (``NV12`` UV,
            ``NV21`` VU) or one for each chroma (``YU12`` U first, ``YV12`` V first).
        width, height: even, in pixels.
        stride: bytes from one row to the next, at least the row itself.
        matrix: meaning of the values.
        reduce: the result is smaller by this factor, each pixel the average of a square block: 1, or an even number
            that divides both sides.

    Raises:
        ValueError: the combination is not supported.
    """

    def __init__(
        self, format: str, width: int, height: int, stride: int = 0, matrix: Matrix = BT601, reduce: int = 1
    ) -> None:
        packed = format in ("YUYV", "UYVY")
        self._planar, swapped = format in ("YU12", "YV12"), format in ("NV21", "YV12")
        format = "NV12" if self._planar or swapped else format
        row = width * 2 if packed else width
        stride = stride or row
        odd = width % 2 or (height % 2 and not packed) or (stride % 2 and self._planar)
        if min(width, height) < 1 or odd or (not packed and format != "NV12") or stride < row:
            raise ValueError(f"cannot decode {format} of {width}x{height} with {stride} bytes a row")
        self.size = stride * height if packed else stride * height * 3 // 2
        self._format, self._width, self._height, self._stride = format, width, height, stride
        self._blocks = BlockSums(format, width, height, reduce) if reduce != 1 else None
        self.shape = height // reduce, width // reduce, 3
        """Shape of the result."""
        samples = self._blocks.chroma_samples if self._blocks else 1
        scale = (1.0, 1.0) if matrix.full else (255 / 219, 255 / 224)
        self._luma = np.float32(scale[0] / reduce**2)
        # Half a level is added, because the conversion back to integers truncates.
        self._offset = np.float32(0.5 - (0 if matrix.full else 16 * scale[0]))
        green = 1 - matrix.red - matrix.blue
        red, blue = 2 - 2 * matrix.red, 2 - 2 * matrix.blue
        # RGB x (U, V)
        weights = np.array([(0, red), (-blue * matrix.blue / green, -red * matrix.red / green), (blue, 0)], np.float32)
        self._chroma = (weights[:, ::-1] if swapped else weights) * np.float32(scale[1] / samples)
        self._center = np.float32(128 * samples)
        self._rows = self._blocks.rows if self._blocks else max(1, _BAND // (width // 2))
        band = (self._rows, width // max(2, reduce))
        self._pairs = np.empty((height // 2, width), np.uint8) if self._planar else None
        self._u, self._v, self._y, self._sum, self._part = (np.empty(band, np.float32) for _ in range(5))

    def decode(self, data: memoryview | bytes | np.ndarray, out: np.ndarray) -> None:
        """Convert one frame.

        Args:
            data: at least :attr:`size` bytes.
            out: uint8 of :attr:`shape`, receives RGB.

        Raises:
            ValueError: ``data`` is shorter, or ``out`` of another shape.
        """
        if out.shape != self.shape:
            raise ValueError(f"out must be {list(self.shape)}, not {list(out.shape)}")
        raw = np.frombuffer(data, np.uint8)
        if raw.size < self.size:
            raise ValueError(f"a frame has {self.size} bytes, this one {raw.size}")
        luma = raw[: self._stride * self._height].reshape(self._height, self._stride)
        chroma = raw[self._stride * self._height : self.size].reshape(-1, self._stride)
        if self._pairs is not None:
            half = self._stride // 2
            planes = raw[self._stride * self._height : self.size].reshape(2, self._height // 2, half)
            for channel in (0, 1):
                np.copyto(self._pairs[:, channel::2], planes[channel, :, : self._width // 2])
            luma, chroma = luma[:, : self._width], self._pairs
        elif self._format == "NV12":
            luma, chroma = luma[:, : self._width], chroma[:, : self._width]
        else:
            luma = luma[:, : self._width * 2]
        if self._blocks:
            for rows, y, u, v in self._blocks.bands(luma, chroma):
                self._band(u, v, [(y, out[rows])])
        else:
            self._whole(luma, chroma, out)

    def _whole(self, luma: np.ndarray, chroma: np.ndarray, out: np.ndarray) -> None:
        """Convert a frame at its full size."""
        if self._format == "NV12":
            u, v = chroma[:, ::2], chroma[:, 1::2]
            pixels = [(luma[i::2, j::2], out[i::2, j::2]) for i in (0, 1) for j in (0, 1)]
        else:
            first = 0 if self._format == "YUYV" else 1
            u, v = luma[:, 1 - first :: 4], luma[:, 3 - first :: 4]
            pixels = [(luma[:, first + 2 * j :: 4], out[:, j::2]) for j in (0, 1)]
        for top in range(0, len(u), self._rows):
            band = slice(top, top + self._rows)
            self._band(u[band], v[band], [(luma[band], rgb[band]) for luma, rgb in pixels])

    def _band(self, us: np.ndarray, vs: np.ndarray, pixels: list[tuple[np.ndarray, np.ndarray]]) -> None:
        """Convert a band.

        Args:
            us, vs: [r, w] chroma.
            pixels: for each position in a chroma block, luma [r, w] and RGB [r, w, 3].
        """
        n = len(us)
        u, v, y, total, part = self._u[:n], self._v[:n], self._y[:n], self._sum[:n], self._part[:n]
        np.subtract(us, self._center, out=u)
        np.subtract(vs, self._center, out=v)
        for luma, rgb in pixels:
            np.multiply(luma, self._luma, out=y)
            np.add(y, self._offset, out=y)
            for channel, (from_u, from_v) in enumerate(self._chroma):
                if from_u:
                    np.multiply(u, from_u, out=total)
                    if from_v:
                        np.multiply(v, from_v, out=part)
                        np.add(total, part, out=total)
                else:
                    np.multiply(v, from_v, out=total)
                np.add(total, y, out=total)
                np.maximum(total, 0, out=total)
                np.minimum(total, 255, out=total)
                np.copyto(rgb[..., channel], total, casting="unsafe")
