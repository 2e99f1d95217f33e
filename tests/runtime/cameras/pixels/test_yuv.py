"""Raw camera formats against the formula in float64, and against FFmpeg's own conversion."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastscnn_edge.runtime.cameras.pixels.yuv import BT601, BT709, Matrix, YuvDecoder

PLANAR = ("NV12", "NV21", "YU12", "YV12")


def pack(format: str, yuv: np.ndarray, padding: int = 0) -> bytes:
    """uint8 [H, W, 3] to a frame; chroma of a block is that of its first pixel."""
    height, width = yuv.shape[:2]
    y, u, v = yuv[..., 0], yuv[..., 1], yuv[..., 2]
    if format in ("YU12", "YV12"):
        luma = np.pad(y, ((0, 0), (0, padding)), constant_values=99)
        planes = [np.pad(p[::2, ::2], ((0, 0), (0, padding // 2)), constant_values=99) for p in (u, v)]
        return b"".join(plane.tobytes() for plane in (luma, *(planes if format == "YU12" else planes[::-1])))
    if format in ("NV12", "NV21"):
        first, second = (u, v) if format == "NV12" else (v, u)
        rows = np.concatenate([y, np.stack([first[::2, ::2], second[::2, ::2]], -1).reshape(height // 2, width)])
    else:
        order = [y[:, ::2], u[:, ::2], y[:, 1::2], v[:, ::2]]
        if format == "UYVY":
            order = [order[i] for i in (1, 0, 3, 2)]
        rows = np.stack(order, -1).reshape(height, width * 2)
    return np.pad(rows, ((0, 0), (0, padding)), constant_values=99).tobytes()


def expected(format: str, yuv: np.ndarray, matrix: Matrix) -> np.ndarray:
    """The definition, in float64 and unrounded."""
    planes = yuv.astype(np.float64)
    for channel in (1, 2):
        block = planes[:, ::2, channel].repeat(2, 1)
        planes[..., channel] = block[::2].repeat(2, 0) if format in PLANAR else block
    luma, u, v = planes[..., 0], planes[..., 1] - 128, planes[..., 2] - 128
    if not matrix.full:
        luma, u, v = (luma - 16) * 255 / 219, u * 255 / 224, v * 255 / 224
    red, blue = luma + 2 * (1 - matrix.red) * v, luma + 2 * (1 - matrix.blue) * u
    green = (luma - matrix.red * red - matrix.blue * blue) / (1 - matrix.red - matrix.blue)
    return np.stack([red, green, blue], -1).clip(0, 255)


@given(
    format=st.sampled_from(["YUYV", "UYVY", *PLANAR]),
    matrix=st.sampled_from([BT601, BT709, BT601._replace(full=True)]),
    half=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    padding=st.sampled_from([0, 6]),
    seed=st.integers(0, 1 << 30),
)
@settings(max_examples=60)
def test_every_pixel_is_the_formula_rounded(
    format: str, matrix: Matrix, half: tuple[int, int], padding: int, seed: int
) -> None:
    height, width = 2 * half[0], 2 * half[1]
    yuv = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    out = np.empty((height, width, 3), np.uint8)
    row = width if format in PLANAR else width * 2
    YuvDecoder(format, width, height, row + padding, matrix).decode(pack(format, yuv, padding), out)
    assert np.abs(out - expected(format, yuv, matrix)).max() <= 0.5 + 1e-3


@given(
    format=st.sampled_from(["YUYV", "UYVY", *PLANAR]),
    matrix=st.sampled_from([BT601, BT709, BT601._replace(full=True)]),
    reduce=st.sampled_from([2, 4, 6, 8, 16]),
    blocks=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    padding=st.sampled_from([0, 2, 6]),
    seed=st.integers(0, 1 << 30),
)
@settings(max_examples=60)
def test_a_smaller_frame_is_the_average_of_the_whole_one(
    format: str, matrix: Matrix, reduce: int, blocks: tuple[int, int], padding: int, seed: int
) -> None:
    """Of colors inside RGB, where nothing clips: the definition unrounded to half a level, the whole frame to one."""
    height, width = blocks[0] * reduce, blocks[1] * reduce
    rng = np.random.default_rng(seed)
    yuv = np.concatenate([rng.integers(90, 166, (height, width, 1)), rng.integers(100, 157, (height, width, 2))], -1)
    yuv = yuv.astype(np.uint8)
    stride = width * (1 if format in PLANAR else 2) + padding
    whole, small = np.empty((height, width, 3), np.uint8), np.empty((*blocks, 3), np.uint8)
    data = pack(format, yuv, padding)
    YuvDecoder(format, width, height, stride, matrix).decode(data, whole)
    YuvDecoder(format, width, height, stride, matrix, reduce).decode(data, small)
    exact, converted = (
        frame.reshape(blocks[0], reduce, blocks[1], reduce, 3).mean((1, 3))
        for frame in (expected(format, yuv, matrix), whole)
    )
    assert np.abs(small - exact).max() <= 0.5 + 1e-3
    assert np.abs(small - converted).max() <= 1 + 1e-3


@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize("format", ["YUYV", "UYVY", "NV12"])
def test_the_largest_sums_do_not_overflow(format: str, level: int) -> None:
    yuv = np.full((16, 16, 3), (level, 128, 128), np.uint8)
    out = np.empty((1, 1, 3), np.uint8)
    YuvDecoder(format, 16, 16, matrix=BT601._replace(full=True), reduce=16).decode(pack(format, yuv), out)
    assert (out == level).all()


def test_smaller_frames_take_no_memory_of_a_frame() -> None:
    decoder, out = YuvDecoder("YUYV", 1280, 720, reduce=2), np.empty((360, 640, 3), np.uint8)
    data = bytes(decoder.size)
    decoder.decode(data, out)
    tracemalloc.start()
    decoder.decode(data, out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < out.nbytes / 8


def test_frames_larger_than_a_band() -> None:
    yuv = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    out = np.empty((480, 640, 3), np.uint8)
    YuvDecoder("YUYV", 640, 480).decode(pack("YUYV", yuv), out)
    assert np.abs(out - expected("YUYV", yuv, BT601)).max() <= 0.5 + 1e-3
    yuv = (90 + yuv // 4).astype(np.uint8)
    small = np.empty((240, 320, 3), np.uint8)
    YuvDecoder("YUYV", 640, 480, reduce=2).decode(pack("YUYV", yuv), small)
    blocks = expected("YUYV", yuv, BT601).reshape(240, 2, 320, 2, 3).mean((1, 3))
    assert np.abs(small - blocks).max() <= 0.5 + 1e-3


def test_black_white_and_gray_by_range() -> None:
    for full, levels in ((False, {16: 0, 235: 255, 0: 0, 255: 255}), (True, {0: 0, 255: 255, 100: 100})):
        decoder = YuvDecoder("YUYV", 2, 1, matrix=BT601._replace(full=full))
        for luma, gray in levels.items():
            out = np.empty((1, 2, 3), np.uint8)
            decoder.decode(bytes([luma, 128, luma, 128]), out)
            assert (out == gray).all()


@pytest.mark.parametrize("format", ["YUYV", "NV12"])
def test_ffmpeg_agrees(format: str) -> None:
    """On a smooth picture, where interpolating chroma or repeating it makes little difference."""
    av = pytest.importorskip("av", reason="the second opinion is FFmpeg's")
    ramp = np.linspace(40, 215, 64 * 64).reshape(64, 64).astype(np.uint8)
    rgb = np.stack([ramp, ramp.T, 255 - ramp], -1)
    name = {"YUYV": "yuyv422", "NV12": "nv12"}[format]
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24").reformat(
        format=name, dst_colorspace="ITU601", dst_color_range="MPEG"
    )
    data = b"".join(bytes(plane)[: plane.line_size * plane.height] for plane in frame.planes)
    out = np.empty((64, 64, 3), np.uint8)
    YuvDecoder(format, 64, 64, frame.planes[0].line_size).decode(data, out)
    assert np.abs(out.astype(int) - rgb).max() <= 6


@pytest.mark.parametrize("size", [(0, 8), (16, 0), (-16, 8), (16, -8)])
@pytest.mark.parametrize("reduce", [1, 2])
def test_a_driver_that_states_no_size_is_refused(size: tuple[int, int], reduce: int) -> None:
    with pytest.raises(ValueError, match="cannot"):
        YuvDecoder("NV12", *size, reduce=reduce)


def test_what_is_refused() -> None:
    for arguments in (("YU11", 4, 4), ("YU12", 4, 4, 5), ("YUYV", 3, 4), ("NV12", 4, 3), ("YUYV", 4, 4, 7)):
        with pytest.raises(ValueError, match="cannot decode"):
            YuvDecoder(*arguments)
    for reduce in (0, -2, 3, 4, 18):
        with pytest.raises(ValueError, match="smaller"):
            YuvDecoder("YUYV", 36, 18, reduce=reduce)
    decoder = YuvDecoder("NV12", 4, 4)
    assert decoder.size == 24
    with pytest.raises(ValueError, match="24 bytes"):
        decoder.decode(bytes(23), np.empty((4, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="out must be"):
        decoder.decode(bytes(24), np.empty((4, 4), np.uint8))
