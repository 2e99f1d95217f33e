"""Frames of Motion-JPEG cameras."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from fastscnn_edge.runtime.cameras.pixels.jpeg import CorruptFrameError, decode_jpeg, reduction
from fastscnn_edge.runtime.frame_pool import FramePool
from tests.helpers import random_image


def jpeg(height: int = 96, width: int = 128, mode: str = "RGB", **options) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(random_image(height, width)).convert(mode).save(stream, "JPEG", quality=90, **options)
    return stream.getvalue()


def without_huffman_tables(data: bytes) -> bytes:
    """As USB cameras send them: the standard tables are understood."""
    out, position = bytearray(data[:2]), 2
    while data[position + 1] != 0xDA:
        length = 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if data[position + 1] != 0xC4:
            out += data[position : position + length]
        position += length
    return bytes(out + data[position:])


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_whole(mode: str) -> None:
    data = jpeg(mode=mode)
    with Image.open(io.BytesIO(data)) as image:
        np.testing.assert_array_equal(decode_jpeg(data, FramePool()), np.asarray(image.convert("RGB")))


def test_scaled_down_while_decoding() -> None:
    stream = io.BytesIO()
    smooth = Image.fromarray(random_image(30, 40)).resize((640, 480), Image.Resampling.BICUBIC)
    smooth.save(stream, "JPEG", quality=95)
    data = stream.getvalue()
    whole = decode_jpeg(data, FramePool()).astype(float)
    small = decode_jpeg(data, FramePool(), minimum_size=(120, 100))
    assert small.shape == (120, 160, 3)
    blocks = whole.reshape(120, 4, 160, 4, 3).mean((1, 3))
    assert np.abs(small - blocks).mean() < 2


def test_reductions() -> None:
    assert reduction((1280, 720), None) == 1
    assert reduction((1280, 720), (480, 360)) == 2
    assert reduction((3840, 2160), (480, 270)) == 8
    assert reduction((640, 480), (640, 480)) == 1
    assert reduction((320, 240), (640, 480)) == 1
    assert reduction((1284, 720), (160, 90)) == 8
    assert reduction((1284, 720), (160, 90), whole=True) == 4


def test_without_huffman_tables() -> None:
    data = jpeg()
    bare = without_huffman_tables(data)
    assert len(bare) < len(data)
    np.testing.assert_array_equal(decode_jpeg(bare, FramePool()), decode_jpeg(data, FramePool()))


def test_damaged() -> None:
    whole = jpeg()
    for data in (whole[: len(whole) // 2], b"", bytes(len(whole)), whole[40:]):
        with pytest.raises(CorruptFrameError):
            decode_jpeg(data, FramePool())


def test_a_frame_that_claims_to_be_enormous() -> None:
    data = bytearray(jpeg())
    start = data.index(b"\xff\xc0") + 5
    data[start : start + 4] = b"\xff\xf0\xff\xf0"
    with pytest.raises(CorruptFrameError):
        decode_jpeg(bytes(data), FramePool())


@pytest.mark.parametrize("padding", [0, 7, 4096])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_a_frame_without_an_end_marker(padding: int, subsampling: int) -> None:
    data = jpeg(subsampling=subsampling)
    assert data.endswith(b"\xff\xd9")
    shorn = data[:-2] + bytes(padding)
    np.testing.assert_array_equal(decode_jpeg(shorn, FramePool()), decode_jpeg(data, FramePool()))


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8, 0.97])
@pytest.mark.parametrize("padding", [0, 4096])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_a_frame_that_is_cut_off_is_damaged(share: float, padding: int, subsampling: int) -> None:
    data = jpeg(subsampling=subsampling)
    with pytest.raises(CorruptFrameError):
        decode_jpeg(data[: int(share * len(data))] + bytes(padding), FramePool())
