"""Copies of camera formats that need no conversion but of order and depth: RGB3, BGR3, GREY and Y16."""

from __future__ import annotations

import numpy as np

from .jpeg import CorruptFrameError

BYTES = {"RGB3": 3, "BGR3": 3, "GREY": 1, "Y16": 2}
"""Bytes of a pixel."""


def copy_packed(format: str, data: memoryview | bytes, out: np.ndarray, stride: int) -> np.ndarray:
    """Copy a frame of rows, each followed by padding, into ``out``, which is returned.

    Gray becomes RGB of three equal channels. 16-bit gray, little endian, is scaled by 1 / 257, as in pictures.

    Args:
        format: a key of :data:`BYTES`.
        data: at least ``stride * height`` bytes.
        out: uint8 [H, W, 3].
        stride: bytes from one row to the next.

    Raises:
        CorruptFrameError: ``data`` is shorter.
    """
    height, width = out.shape[:2]
    raw = np.frombuffer(data, np.uint8)
    if raw.size < stride * height:
        raise CorruptFrameError(f"a frame has {stride * height} bytes, this one {raw.size}")
    rows = raw[: stride * height].reshape(height, stride)[:, : width * BYTES[format]]
    if format == "RGB3":
        np.copyto(out.reshape(height, width * 3), rows)
    elif format == "BGR3":
        np.copyto(out, rows.reshape(height, width, 3)[..., ::-1])
    elif format == "GREY":
        np.copyto(out, rows[..., None])
    else:
        for band in range(0, height, 64):  # the only temporaries
            deep = np.ascontiguousarray(rows[band : band + 64]).view("<u2")
            np.copyto(out[band : band + 64], ((deep.astype(np.uint32) + 128) // 257)[..., None], casting="unsafe")
    return out
