"""Reading still pictures safely."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ..errors import SourceError
from .frame_pool import copy_pixels

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".tif", ".tiff"})

MAX_PIXELS = 64_000_000
"""Larger pictures are refused before they are decoded: 64 megapixels is 192 MB as RGB."""

FILTERS = {"bilinear": Image.Resampling.BILINEAR}
"""``ModelSpec.resize_filter`` to Pillow's filter (antialiased when it shrinks)."""


def list_images(folder: Path, recursive: bool = False) -> list[Path]:
    """Image files in ``folder`` by name; hidden files and folders, and what archives leave behind, are passed over.

    Raises:
        SourceError: the folder cannot be listed.
    """
    try:
        entries = sorted(folder.rglob("*") if recursive else folder.iterdir())
        return [path for path in entries if _is_image(path.relative_to(folder)) and path.is_file()]
    except OSError as error:
        raise SourceError(f"cannot list {folder}: {error.strerror}") from error


def _is_image(path: Path) -> bool:
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
    return path.suffix.lower() in IMAGE_SUFFIXES and not hidden


def read_image(path: str | Path) -> np.ndarray:
    """Decode a picture to RGB uint8 [H, W, 3], upright (EXIF orientation applied).

    Raises:
        SourceError: missing, not a picture, damaged, or above :data:`MAX_PIXELS`.
    """
    try:
        with warnings.catch_warnings():
            # Our own limit below is stricter than Pillow's warning threshold.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise Image.DecompressionBombError
                ImageOps.exif_transpose(image, in_place=True)
                return to_array(image if image.mode == "RGB" else image.convert("RGB"))
    except FileNotFoundError as error:
        raise SourceError(f"no such picture: {path}") from error
    except Image.DecompressionBombError as error:  # ours, or Pillow's own for still larger ones
        limit = MAX_PIXELS // 1_000_000
        raise SourceError(f"{path} is above the limit of {limit} megapixels; scale it down first") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise SourceError(f"cannot decode {path} as a picture: {error}") from error


def resize_image(image: np.ndarray, height: int, width: int, resample: str = "bilinear") -> np.ndarray:
    """Bring an RGB uint8 [H, W, 3] picture to (height, width); itself if it already has that size.

    The one resize between a picture and a model, for calibration, evaluation and the runtime alike:
    another filter here shifts masks more than any rounding in the network does.
    """
    if image.shape[:2] == (height, width):
        return image
    return to_array(Image.fromarray(np.ascontiguousarray(image)).resize((width, height), FILTERS[resample]))


def resize_image_into(picture: np.ndarray, out: np.ndarray, resample: str = "bilinear") -> None:
    """:func:`resize_image` into ``out`` [H, W, 3] of any dtype that holds 0..255, whose size is the one wanted."""
    if picture.shape == out.shape:
        np.copyto(out, picture)
        return
    image = Image.fromarray(np.ascontiguousarray(picture))
    copy_pixels(image.resize((out.shape[1], out.shape[0]), FILTERS[resample]), out)


def to_array(image: Image.Image) -> np.ndarray:
    """The pixels of an RGB ``image``: uint8 [H, W, 3]."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    copy_pixels(image, pixels)
    return pixels
