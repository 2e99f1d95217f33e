"""Safe reading and resizing of still images."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ..errors import SourceError
from .frame_pool import copy_pixels

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".tif", ".tiff"})

MAX_PIXELS = 64_000_000
"""Larger images are refused before they are decoded: 64 megapixels is 192 MB as RGB."""

FILTERS = {"bilinear": Image.Resampling.BILINEAR}
"""``ModelSpec.resize_filter`` -> Pillow's filter (antialiased when it shrinks)."""


def list_images(folder: Path, recursive: bool = False) -> list[Path]:
    """List the image files in ``folder`` by name; hidden files and folders, and leftovers of archives, are skipped.

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
    """Decode an image file to RGB uint8 [H, W, 3], upright (EXIF orientation applied).

    Raises:
        SourceError: missing, not an image, damaged, or above :data:`MAX_PIXELS`.
    """
    try:
        with warnings.catch_warnings():
            # Pillow's own warning is not needed: the limit below is stricter.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise Image.DecompressionBombError
                ImageOps.exif_transpose(image, in_place=True)
                return to_array(image if image.mode == "RGB" else image.convert("RGB"))
    except FileNotFoundError as error:
        raise SourceError(f"no such picture: {path}") from error
    except Image.DecompressionBombError as error:  # raised below, or by Pillow for still larger images
        limit = MAX_PIXELS // 1_000_000
        raise SourceError(f"{path} is above the limit of {limit} megapixels; scale it down first") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise SourceError(f"cannot decode {path} as a picture: {error}") from error


def resize_image(image: np.ndarray, height: int, width: int, resample: str = "bilinear") -> np.ndarray:
    """Resize an RGB image, uint8 [H, W, 3], to (height, width); returned as it is if it already has that size.

    Calibration, evaluation and the runtime all resize with this function: another filter would shift masks more than
    any rounding in the network does.
    """
    if image.shape[:2] == (height, width):
        return image
    return to_array(Image.fromarray(np.ascontiguousarray(image)).resize((width, height), FILTERS[resample]))


def resize_image_into(image: np.ndarray, out: np.ndarray, resample: str = "bilinear") -> None:
    """:func:`resize_image` to the size of ``out``, [H, W, 3] of any dtype that holds 0..255, and into it."""
    if image.shape == out.shape:
        np.copyto(out, image)
        return
    resized = Image.fromarray(np.ascontiguousarray(image)).resize((out.shape[1], out.shape[0]), FILTERS[resample])
    copy_pixels(resized, out)


def to_array(image: Image.Image) -> np.ndarray:
    """Pixels of an RGB ``image``: uint8 [H, W, 3]."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    copy_pixels(image, pixels)
    return pixels
