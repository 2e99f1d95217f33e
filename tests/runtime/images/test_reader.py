"""Pictures of any depth, orientation and origin, as the network sees them."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, TiffImagePlugin

from fastscnn_edge.errors import SourceError
from fastscnn_edge.runtime.images import ImageReader, read_image
from fastscnn_edge.runtime.images.reader import image_size, is_turned
from tests.helpers import random_image

RGB = random_image(24, 36)
GRAY = RGB[..., 0]


def saved(path: Path, image: Image.Image, **options) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".pgm"])
def test_16_bits_are_scaled_and_not_clipped_to_white(tmp_path: Path, suffix: str) -> None:
    deep = Image.fromarray(GRAY.astype(np.uint16) * 257)
    found = read_image(saved(tmp_path / f"deep{suffix}", deep))
    np.testing.assert_array_equal(found, np.repeat(GRAY[..., None], 3, 2))


def test_the_16_bit_picture_of_a_user_is_its_8_bit_twin(shared: Path) -> None:
    cases = shared / "cases"
    np.testing.assert_array_equal(read_image(cases / "gray16.png"), read_image(cases / "gray8.png"))


def test_16_bits_of_which_a_camera_uses_12(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(GRAY.astype(np.uint16) * 16))
    found = ImageReader(pixel_range=(0, 255 * 16)).read(path)
    np.testing.assert_array_equal(found[..., 1], GRAY)


@pytest.mark.parametrize(
    ("values", "pixel_range"),
    [
        (GRAY.astype(np.float32) / 255, (0, 1)),
        (GRAY.astype(np.int32) * 1000 - 7, (-7, 254_993)),
        (GRAY * 1.0, (0, 255)),
    ],
    ids=["float 0..1", "32 bit", "float 0..255"],
)
def test_an_unknown_range_is_asked_for(tmp_path: Path, values: np.ndarray, pixel_range: tuple[float, float]) -> None:
    path = saved(
        tmp_path / "a.tiff", Image.fromarray(values.astype(np.float32 if values.dtype.kind == "f" else np.int32))
    )
    with pytest.raises(SourceError, match=r"give --pixel-range BLACK:WHITE, for example 0:1"):
        read_image(path)
    np.testing.assert_array_equal(ImageReader(pixel_range).read(path)[..., 2], GRAY)


def test_not_a_number_is_black_and_infinity_white(tmp_path: Path) -> None:
    values = np.array([[np.nan, np.inf, -np.inf, 0.5]], np.float32)
    path = saved(tmp_path / "a.tiff", Image.fromarray(values))
    assert ImageReader((0, 1)).read(path)[0, :, 0].tolist() == [0, 255, 0, 128]


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK", "YCbCr", "RGB"])
def test_every_8_bit_mode_is_read(tmp_path: Path, mode: str) -> None:
    suffix = ".tiff" if mode in ("CMYK", "YCbCr") else ".png"
    found = read_image(saved(tmp_path / f"a{suffix}", Image.fromarray(RGB).convert(mode)))
    assert (found.shape, found.dtype) == ((24, 36, 3), np.uint8)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tiff", ".webp"])
def test_pictures_are_upright(tmp_path: Path, orientation: int, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless = {} if suffix in (".png", ".tiff") else {"quality": 100}
    rgb = np.add.outer(np.arange(24) * 8, np.arange(36) * 1)[..., None] * np.ones(3)
    rgb = rgb.clip(0, 255).astype(np.uint8)
    path = saved(tmp_path / f"a{suffix}", Image.fromarray(rgb), exif=exif, **lossless)
    across = rgb.swapaxes(0, 1)
    turned = [
        rgb,
        rgb[:, ::-1],
        rgb[::-1, ::-1],
        rgb[::-1],
        across,
        np.rot90(rgb, 3),
        across[::-1, ::-1],
        np.rot90(rgb),
    ]
    found = read_image(path)
    assert found.shape == turned[orientation - 1].shape
    assert np.abs(found.astype(int) - turned[orientation - 1]).mean() < 3
    assert is_turned(path) == (orientation != 1)
    assert np.abs(ImageReader(turn=False).read(path).astype(int) - rgb).mean() < 3


def test_stored_pixels_on_request(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(tmp_path / "a.png", Image.fromarray(RGB), exif=exif)
    reader = ImageReader(turn=False)
    np.testing.assert_array_equal(reader.read(path), RGB)
    assert reader.turned == 0


def test_turned_pictures_are_counted(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    reader = ImageReader()
    for number in range(2):
        reader.read(saved(tmp_path / f"{number}.png", Image.fromarray(RGB), exif=exif))
    reader.read(saved(tmp_path / "upright.png", Image.fromarray(RGB)))
    assert reader.turned == 2


@given(
    tag=st.integers(0, 65535),
    kind=st.integers(0, 13),
    count=st.integers(0, 2**32 - 1),
    value=st.binary(min_size=4, max_size=4),
    tail=st.binary(max_size=64),
)
def test_no_entry_of_exif_stops_a_picture_that_decodes(
    tag: int, kind: int, count: int, value: bytes, tail: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    entry = struct.pack("<HHI", tag, kind, count) + value
    block = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 1) + entry + bytes(4) + tail
    stream = io.BytesIO()
    Image.fromarray(RGB).save(stream, "JPEG", quality=95, exif=block)
    path = tmp_path_factory.mktemp("exif") / "a.jpg"
    path.write_bytes(stream.getvalue())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_image(path).size == RGB.size


@pytest.mark.parametrize("name", ["xres_s-1_0.jpg", "xres_ascii.jpg", "date_double.jpg"])
def test_odd_exif_of_users(shared: Path, name: str) -> None:
    folder = shared / "cases" / "exif"
    np.testing.assert_array_equal(read_image(folder / name), read_image(folder / "ok.jpg"))


@pytest.mark.parametrize("suffix", [".gif", ".tiff", ".webp", ".png"])
def test_of_several_frames_the_first_is_taken_and_that_is_said_once(tmp_path: Path, suffix: str) -> None:
    frames = [Image.fromarray(np.full((8, 8, 3), level, np.uint8)) for level in (200, 10)]
    said: list[str] = []
    reader = ImageReader(warn=said.append)
    for name in ("a", "b"):
        path = saved(tmp_path / f"{name}{suffix}", frames[0], save_all=True, append_images=frames[1:])
        assert abs(int(reader.read(path).mean()) - 200) < 3
    assert len(said) == 1 and f"a{suffix} has several frames or pages" in said[0]


def test_postscript_named_like_a_picture_starts_no_program(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n")
    with pytest.raises(SourceError, match=r"cannot decode .*a\.png as a picture"):
        read_image(path)


@given(data=st.binary(max_size=300), suffix=st.sampled_from([".png", ".tif", ".jpg", ".webp", ".gif", ".bmp", ".ppm"]))
def test_any_bytes_are_a_picture_or_one_error(
    data: bytes, suffix: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    magic = {".png": b"\x89PNG\r\n\x1a\n", ".tif": b"II*\0", ".jpg": b"\xff\xd8\xff", ".gif": b"GIF89a", ".bmp": b"BM"}
    path = tmp_path_factory.mktemp("bytes") / f"a{suffix}"
    path.write_bytes(magic.get(suffix, b"") + data)
    try:
        read_image(path)
    except SourceError as error:
        assert "\n" not in str(error)  # noqa: PT017
    image_size(path)


def test_damaged_tiff_writes_nothing_to_standard_error(tmp_path: Path) -> None:
    info = TiffImagePlugin.ImageFileDirectory_v2()
    info[270] = "x" * 100
    path = saved(tmp_path / "a.tiff", Image.fromarray(RGB), tiffinfo=info)
    body = bytearray(path.read_bytes())
    body[8:12] = b"\xff\xff\xff\xff"
    path.write_bytes(body)
    code = "import contextlib, sys\nfrom fastscnn_edge.runtime.images import read_image\n"
    code += "with contextlib.suppress(Exception): read_image(sys.argv[1])\n"
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_damaged_tiff_is_one_error_and_libtiff_prints_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = saved(tmp_path / "deflated.tiff", Image.fromarray(RGB), compression="tiff_adobe_deflate")
    whole = bytearray(path.read_bytes())
    whole[8:24] = bytes(16)  # where the strip begins
    path.write_bytes(whole)
    with pytest.raises(SourceError, match="cannot decode"):
        read_image(path)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("suffix", ["png", "jpg"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_larger_picture_is_made_smaller_on_request(tmp_path: Path, suffix: str, orientation: int) -> None:
    path = tmp_path / f"a.{suffix}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    ramp = np.add.outer(np.arange(300) // 4, np.arange(400) // 4).astype(np.uint8)
    Image.fromarray(np.stack([ramp, ramp[::-1], 255 - ramp], -1)).save(path, exif=exif, quality=95)
    whole = ImageReader().read(path)
    small = ImageReader(max_side=100).read(path)
    assert small.shape == ((75, 100, 3) if orientation == 1 else (100, 75, 3))
    wanted = np.asarray(Image.fromarray(whole).resize(small.shape[1::-1], Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(small - wanted).mean() < 1  # libjpeg's own reduction differs a little
    np.testing.assert_array_equal(ImageReader(max_side=400).read(path), whole)


def test_a_picture_of_extreme_length_is_refused(tmp_path: Path) -> None:
    Image.new("L", (70_000, 1)).save(tmp_path / "long.png")
    with pytest.raises(SourceError, match="side of 70000 pixels, above 65535"):
        read_image(tmp_path / "long.png")


@pytest.mark.parametrize("exif", [False, True])
def test_a_flipped_bit_in_a_png_is_refused(tmp_path: Path, exif: bool) -> None:
    """Reading EXIF decodes a PNG: the error it meets there must not be lost."""
    entries = Image.Exif()
    if exif:
        entries[0x0112] = 6
    path = tmp_path / "a.png"
    Image.fromarray(random_image(64, 96)).save(path, exif=entries)
    data = path.read_bytes()
    start = data.index(b"IDAT") + 8
    random = np.random.default_rng(0)
    for _ in range(30):
        flipped = bytearray(data)
        flipped[int(random.integers(start, len(data) - 40))] ^= 1 << int(random.integers(8))
        path.write_bytes(flipped)
        with pytest.raises(SourceError, match="cannot decode"):
            read_image(path)


def _deep_png(path: Path, values: np.ndarray, color_type: int) -> None:
    rows = values.astype(">u2").reshape(len(values), -1)

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", values.shape[1], len(values), 16, color_type, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b""))


@pytest.mark.parametrize(("color_type", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_a_range_of_16_bit_color_is_refused_and_the_whole_range_read(
    tmp_path: Path, color_type: int, channels: int
) -> None:
    values = np.full((4, 5, channels), 4080)
    _deep_png(tmp_path / "a.png", values, color_type)
    with pytest.raises(SourceError, match="16-bit color, of which 8 bits are read, so --pixel-range cannot be applied"):
        ImageReader((0, 4080)).read(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png")[0, 0, 0] == 15


@pytest.mark.parametrize("kind", [b"P5", b"P2"])
def test_a_range_is_in_the_numbers_of_the_file(tmp_path: Path, kind: bytes) -> None:
    """Pillow scales a PGM of any depth to 65535."""
    values = np.array([[0, 1000], [2000, 4000]])
    numbers = values.astype(">u2").tobytes() if kind == b"P5" else b" ".join(b"%d" % v for v in values.ravel())
    (tmp_path / "a.pgm").write_bytes(kind + b" 2 2 4095\n" + numbers)
    ranged = ImageReader((0, 2000)).read(tmp_path / "a.pgm")[..., 0].astype(int)
    assert np.abs(ranged - [[0, 127.5], [255, 255]]).max() <= 1
    whole = read_image(tmp_path / "a.pgm")[..., 0]
    assert np.abs(whole - values * 255 / 4095).max() <= 1


def test_a_pipe_named_like_a_picture_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(SourceError, match="is a folder, device or pipe, not a picture"):
        read_image(tmp_path / "a.jpg")


def test_a_picture_that_may_not_be_read_is_not_called_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(RGB))

    def refuse(*_args: object, **_options: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Image, "open", refuse)  # root may read everything
    with pytest.raises(SourceError, match=r"a\.png may not be read: Permission denied"):
        read_image(path)
