"""PNG files written band by band (ISO/IEC 15948): an image of any size costs the memory of a few rows.

Pillow writes an image only from a copy of all its pixels, four bytes each, and tries five filters on every row. Here
rows are filtered by "Up" alone, which on overlays is as small and several times as fast (decision 0042).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import BinaryIO

import numpy as np

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GRAY, _RGB, _INDEXED = 0, 2, 3  # color types
_NONE, _UP = 0, 2  # filter types

_LEVEL = 1
"""zlib's fastest: a board's time costs more than its disk."""

BAND = 64
"""Rows that callers should make at once."""


def write_rgb(stream: BinaryIO, size: tuple[int, int], bands: Iterable[np.ndarray]) -> None:
    """Write an RGB image.

    Args:
        stream: open for writing.
        size: (height, width).
        bands: uint8 [rows, width, 3] each, from the top, ``height`` rows in all.
    """
    _write(stream, size, _RGB, (), (band.reshape(len(band), -1) for band in bands))


def write_indexed(stream: BinaryIO, indices: np.ndarray, palette: np.ndarray) -> None:
    """Write an indexed image.

    Args:
        stream: open for writing.
        indices: uint8 [H, W].
        palette: uint8 [colors, 3].
    """
    bands = (indices[top : top + BAND] for top in range(0, len(indices), BAND))
    _write(stream, indices.shape, _INDEXED, [(b"PLTE", palette.tobytes())], bands)


def write_gray(stream: BinaryIO, values: np.ndarray) -> None:
    """Write ``values``, uint8 [H, W], as a gray image."""
    bands = (values[top : top + BAND] for top in range(0, len(values), BAND))
    _write(stream, values.shape, _GRAY, (), bands)


def _write(
    stream: BinaryIO,
    size: tuple[int, ...],
    color_type: int,
    chunks: Iterable[tuple[bytes, bytes]],
    bands: Iterable[np.ndarray],
) -> None:
    height, width = size
    stream.write(_SIGNATURE)
    _chunk(stream, b"IHDR", struct.pack(">IIBBBBB", width, height, 8, color_type, 0, 0, 0))
    for name, data in chunks:
        _chunk(stream, name, data)
    packer = zlib.compressobj(_LEVEL)
    above: np.ndarray | None = None
    for band in bands:
        filtered = _filtered(band, above, _UP if color_type == _RGB else _NONE)
        above = band[-1].copy()
        _chunk(stream, b"IDAT", packer.compress(filtered.data))
    _chunk(stream, b"IDAT", packer.flush())
    _chunk(stream, b"IEND", b"")


def _filtered(rows: np.ndarray, above: np.ndarray | None, kind: int) -> np.ndarray:
    """Rows with their filter type in front: uint8 [rows, bytes + 1]. Neighboring indices are not related by values."""
    result = np.empty((rows.shape[0], rows.shape[1] + 1), np.uint8)
    result[:, 0] = kind
    if kind == _NONE:
        result[:, 1:] = rows
    else:
        np.subtract(rows[0], 0 if above is None else above, out=result[0, 1:])
        np.subtract(rows[1:], rows[:-1], out=result[1:, 1:])
    return result


def _chunk(stream: BinaryIO, name: bytes, data: bytes) -> None:
    if data or name == b"IEND":
        stream.write(struct.pack(">I", len(data)) + name)
        stream.write(data)
        stream.write(struct.pack(">I", zlib.crc32(data, zlib.crc32(name))))
