"""Pictures, label maps and frames of cameras."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from fastscnn_edge.runtime.frame_pool import FramePool
from tests.fuzz.mutations import interesting, mutate_bytes
from tests.fuzz.reader import Reader
from tests.helpers import random_image

_SIZE = (24, 40)


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pictures() -> list[bytes]:
    """Every format and depth that is read, some with EXIF."""
    rgb = Image.fromarray(random_image(*_SIZE))
    gray16 = Image.fromarray((np.arange(24 * 40).reshape(_SIZE) * 60).astype(np.uint16))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    return [
        _encoded(rgb, "JPEG", exif=exif),
        _encoded(rgb, "JPEG", progressive=True, quality=30),
        _encoded(rgb.convert("CMYK"), "JPEG"),
        _encoded(rgb, "PNG", exif=exif),
        _encoded(rgb.quantize(16), "PNG"),
        _encoded(rgb.convert("RGBA"), "PNG"),
        _encoded(gray16, "PNG"),
        _encoded(rgb, "TIFF", exif=exif),
        _encoded(rgb, "TIFF", compression="tiff_lzw"),
        _encoded(rgb, "TIFF", compression="tiff_adobe_deflate"),
        _encoded(gray16, "TIFF"),
        _encoded(rgb, "BMP"),
        _encoded(rgb.quantize(16), "GIF", save_all=True, append_images=[rgb.quantize(8)]),
        _encoded(rgb, "WEBP", exif=exif),
        _encoded(rgb, "WEBP", lossless=True),
        _encoded(rgb, "PPM"),
    ]


class PictureReader(Reader):
    """Pictures as every command reads them."""

    name, suffix = "pictures", ".png"

    def seeds(self, folder: Path) -> list[bytes]:
        return pictures()

    def read(self, path: Path) -> None:
        from fastscnn_edge.runtime.images.reader import ImageReader, image_size, is_turned

        image_size(path)
        is_turned(path)
        image = ImageReader().read(path)
        assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3, image.shape


class LabelMapReader(Reader):
    """Label maps."""

    name, suffix = "label-maps", ".png"

    def seeds(self, folder: Path) -> list[bytes]:
        labels = Image.fromarray(np.random.default_rng(0).integers(0, 5, _SIZE).astype(np.uint8))
        kinds = ("PNG", "BMP", "GIF", "PPM", "TIFF")
        palette = labels.copy()
        palette.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
        return [
            *(_encoded(labels, kind) for kind in kinds),
            _encoded(palette, "PNG"),
            _encoded(labels.convert("1"), "PNG"),
        ]

    def read(self, path: Path) -> None:
        from fastscnn_edge.evaluation.datasets import read_label_map

        labels = read_label_map(path)
        assert labels.dtype == np.uint8 and labels.ndim == 2, labels.shape


class CameraJpegReader(Reader):
    """Frames of a Motion-JPEG camera."""

    name, suffix, errors = "camera-mjpeg", ".jpg", (ValueError,)  # the camera counts a ValueError as a damaged frame

    def seeds(self, folder: Path) -> list[bytes]:
        rgb = Image.fromarray(random_image(48, 64))
        return [_encoded(rgb, "JPEG"), _encoded(rgb, "JPEG", subsampling=0), _encoded(rgb.convert("L"), "JPEG")]

    def read(self, path: Path) -> None:
        from fastscnn_edge.runtime.cameras.pixels.jpeg import decode_jpeg

        data = path.read_bytes()
        for minimum_size in (None, (16, 16)):
            image = decode_jpeg(memoryview(data), FramePool(), minimum_size)
            assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3, image.shape


class CameraRawReader(Reader):
    """Frames of a raw camera: eight numbers that a driver may state, and the frame's bytes."""

    name, suffix, errors = "camera-raw", ".yuv", (ValueError,)

    def seeds(self, folder: Path) -> list[bytes]:
        rng = np.random.default_rng(0)
        headers = [
            (0, 16, 8, 0, 1),
            (1, 16, 8, 40, 2),
            (2, 16, 8, 0, 1),
            (2, 16, 8, 24, 4),
            *((kind, 16, 8, 0, 1) for kind in range(3, 10)),
        ]
        return [np.array(header, "<i4").tobytes() + rng.bytes(1024) for header in headers]

    def mutate(self, rng: np.random.Generator, seeds: Sequence[bytes]) -> bytes:
        seed = seeds[int(rng.integers(len(seeds)))]
        header = np.frombuffer(seed[:20], "<i4").copy()
        if rng.random() < 0.7:
            header[int(rng.integers(1, 5))] = np.clip(interesting(rng), -(2**31), 4096)
        return header.tobytes() + mutate_bytes(rng, seed[20:], seeds)

    def read(self, path: Path) -> None:
        from fastscnn_edge.runtime.cameras.pixels.packed import BYTES, copy_packed
        from fastscnn_edge.runtime.cameras.pixels.yuv import YuvDecoder

        data = path.read_bytes()
        kind, width, height, stride, reduce = np.frombuffer(data[:20].ljust(20, b"\0"), "<i4").tolist()
        frame = memoryview(data)[20:]
        formats = ("YUYV", "UYVY", "NV12", *BYTES, "NV21", "YU12", "YV12")
        name = formats[kind % len(formats)]
        if name in BYTES:
            if not (0 < width <= 4096 and 0 < height <= 4096):
                raise ValueError("a driver states such a size only if asked for it")
            copy_packed(name, frame, np.empty((height, width, 3), np.uint8), stride or width * BYTES[name])
            return
        decoder = YuvDecoder(name, width, height, stride, reduce=reduce)
        decoder.decode(frame, np.empty(decoder.shape, np.uint8))
