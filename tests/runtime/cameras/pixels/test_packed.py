"""Formats that are copied: order, depth and padding."""

from __future__ import annotations

import numpy as np
import pytest

from fastscnn_edge.runtime.cameras.pixels.jpeg import CorruptFrameError
from fastscnn_edge.runtime.cameras.pixels.packed import BYTES, copy_packed

HEIGHT, WIDTH = 70, 6
RGB = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
GRAY = RGB[..., 0]

ROWS = {
    "RGB3": (RGB.reshape(HEIGHT, -1), RGB),
    "BGR3": (RGB[..., ::-1].reshape(HEIGHT, -1), RGB),
    "GREY": (GRAY, GRAY[..., None].repeat(3, 2)),
    "Y16": ((GRAY.astype("<u2") * 257).view(np.uint8), GRAY[..., None].repeat(3, 2)),
}


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize("format_", BYTES)
def test_copies(format_: str, padding: int) -> None:
    rows, wanted = ROWS[format_]
    data = np.pad(rows, ((0, 0), (0, padding)), constant_values=99).tobytes()
    out = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    assert copy_packed(format_, data, out, rows.shape[1] + padding) is out
    np.testing.assert_array_equal(out, wanted)
    with pytest.raises(CorruptFrameError):
        copy_packed(format_, data[:-1], out, rows.shape[1] + padding)


def test_sixteen_bits_are_rounded() -> None:
    deep = np.array([[0, 128, 129, 65535, 32768, 257]], "<u2")
    out = np.empty((1, 6, 3), np.uint8)
    copy_packed("Y16", deep.tobytes(), out, 12)
    assert out[0, :, 0].tolist() == [0, 0, 1, 255, 128, 1]
