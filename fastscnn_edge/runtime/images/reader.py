"""Safe decoding of image files to RGB, the same for running, calibration, training and evaluation."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from ...errors import SourceError
from ...log import Warn, silent
from ...native_stderr import without_libtiffs_lines
from .depth import depth_of
from .orientation import decoded, orientation_of, turned_size
from .pixels import rgb_array, rgb_bands
from .resize import shrunk

MAX_PIXELS = 64_000_000
"""Larger images are refused before they are decoded: 64 megapixels is 192 MB as RGB."""

MAX_SIDE = 65535
"""Longer images are refused likewise: the largest side of a JPEG. Tables along a side take memory, too."""

_FORMATS = ("JPEG", "PNG", "BMP", "DIB", "GIF", "PPM", "WEBP", "TIFF", "AVIF")
"""Formats that are decoded, whatever a file is called: by default Pillow would start Ghostscript for a PostScript file
named .png. The first five are preloaded; for the others Pillow loads all its plugins."""


class ImageReader:
    """Reader of image files, which warns once about each kind of finding.

    Args:
        pixel_range: (black, white) of 16-bit, 32-bit and float pixels; see :func:`.pixels.to_rgb`.
        turn: apply the EXIF orientation; False leaves pixels as they are stored.
        warn: receives one line for the first file with several frames or pages.
        max_side: larger images are made smaller until their longer side has this many pixels; a JPEG already while it
            is decoded, which saves time and memory. None: no image is.

    Attributes:
        turned: number of images turned or flipped so far.
    """

    def __init__(
        self,
        pixel_range: tuple[float, float] | None = None,
        turn: bool = True,
        warn: Warn = silent,
        max_side: int | None = None,
    ) -> None:
        self.max_side = max_side
        self.pixel_range, self.turn, self._warn = pixel_range, turn, warn
        self.turned = 0
        self._several_said = False
        self._said: set[str] = set()

    def read(self, path: str | Path) -> np.ndarray:
        """Decode an image file to RGB uint8 [H, W, 3], its first frame or page, upright unless ``turn`` is off.

        Raises:
            SourceError: missing, not an image, damaged, above :data:`MAX_PIXELS`, or of an unknown range.
        """
        with opened(path) as image:
            with without_libtiffs_lines(image.format):
                self._say_if_several(path, image)
                draft(image, self.max_side)
                pixel_range = depth_of(image).range_in_pixels(self.pixel_range)
                left, turned = decoded(image, self.turn)
            self.turned += turned and self.turn
            height, width = turned_size(image, left)
            smaller = size_within(height, width, self.max_side)
            if smaller == (height, width):
                return rgb_array(image, pixel_range, left)
            return shrunk(rgb_bands(image, pixel_range, left), height, *smaller, free=image.close)

    def warn(self, message: str) -> None:
        """Pass on a warning about files, once: a folder may be listed several times."""
        if message not in self._said:
            self._said.add(message)
            self._warn(message)

    def _say_if_several(self, path: str | Path, image: Image.Image) -> None:
        # A phone's JPEG may hold a preview or a depth map behind the picture (MPO), which needs no warning.
        if not self._several_said and image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
            self._several_said = True
            self.warn(f"{path} has several frames or pages: only the first is used, here and in all further files")


def read_image(path: str | Path) -> np.ndarray:
    """Decode an image file to RGB uint8 [H, W, 3] with the defaults of :class:`ImageReader`."""
    return ImageReader().read(path)


def image_size(path: Path) -> tuple[int, int] | None:
    """(height, width) as stored, read only from the header; None if the image cannot be opened."""
    try:
        with opened(path) as image:
            return image.height, image.width
    except SourceError:
        return None


def is_turned(path: Path) -> bool:
    """Whether the EXIF orientation is not upright, read only from the header; False if the image cannot be opened."""
    try:
        with opened(path) as image:
            return orientation_of(image) != 1
    except SourceError:
        return False


def draft(image: Image.Image, max_side: int | None) -> None:
    """Let a JPEG that is too large be decoded at 1/2, 1/4 or 1/8 of its size, but not below ``max_side``."""
    height, width = size_within(image.height, image.width, max_side)
    if (width, height) != image.size:
        image.draft(None, (width, height))  # does nothing for other formats


def size_within(height: int, width: int, max_side: int | None) -> tuple[int, int]:
    """(height, width) of a picture of this size whose longer side is made ``max_side`` long if it is longer."""
    longer = max(height, width)
    if max_side is None or longer <= max_side:
        return height, width
    return max(1, round(height * max_side / longer)), max(1, round(width * max_side / longer))


FEW_VALUES = 64
"""Most different values of an image of one channel that is taken for a label map."""


def is_label_map(path: Path) -> bool:
    """Whether an image looks like a label map: a palette or one channel, without loss, with few different values.

    Only such an image is decoded. A gray or thermal picture has hundreds of values.
    """
    try:
        with opened(path) as image:
            if image.mode not in ("P", "L", "1") or image.format not in ("PNG", "BMP", "TIFF", "PPM"):
                return False
            return len(image.getcolors(256) or ()) <= FEW_VALUES
    except SourceError:
        return False


@contextmanager
def opened(path: str | Path) -> Iterator[Image.Image]:
    """Open an image file, not yet decoded; any error, here or while the body decodes it, becomes a SourceError."""
    try:
        with warnings.catch_warnings():
            # Damaged metadata should not fill a board's log, one line per frame; the limit on pixels is checked below.
            warnings.simplefilter("ignore")
            if Path(path).exists() and not Path(path).is_file():  # a pipe would be waited for
                raise SourceError(f"{path} is a folder, device or pipe, not a picture")
            with Image.open(path, formats=_FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise Image.DecompressionBombError
                if max(image.size) > MAX_SIDE:
                    raise SourceError(f"{path} has a side of {max(image.size)} pixels, above {MAX_SIDE}; cut it first")
                yield image
    except SourceError:
        raise
    except FileNotFoundError as error:
        raise SourceError(f"no such picture: {path}") from error
    except PermissionError as error:
        raise SourceError(f"{path} may not be read: {error.strerror}") from error
    except Image.DecompressionBombError as error:  # raised above, or by Pillow for still larger images
        limit = MAX_PIXELS // 1_000_000
        raise SourceError(f"{path} is above the limit of {limit} megapixels; scale it down first") from error
    except MemoryError as error:
        raise SourceError(f"{path} does not fit into memory; scale it down first") from error
    except Exception as error:  # Pillow's decoders raise a dozen kinds of error for damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise SourceError(f"cannot decode {path} as a picture: {reason}") from error
