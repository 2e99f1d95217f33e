"""One JPEG of a Motion-JPEG camera to RGB, scaled down while it is decoded where that is allowed."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from ...frame_pool import FramePool, copy_pixels
from ...images import MAX_PIXELS


class CorruptFrameError(ValueError):
    """A frame that arrived damaged. The next one may be whole."""


def decode_jpeg(data: bytes | memoryview, pool: FramePool, least: tuple[int, int] | None = None) -> np.ndarray:
    """Decode ``data``.

    Args:
        data: one JPEG. Cameras leave out the Huffman tables; libjpeg then takes the standard ones.
        pool: lends the result.
        least: (width, height). libjpeg halves, quarters or eighths the picture on the way, as long as neither side
            gets below this; None decodes it whole.

    Returns:
        uint8 [H, W, 3], from ``pool``.

    Raises:
        CorruptFrameError: not a whole JPEG.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise CorruptFrameError(f"a frame claims {image.width}x{image.height} pixels")
            scale = reduction(image.size, least)
            # draft() takes the largest scale that leaves at least the size asked for.
            image.draft("RGB", (image.width // scale, image.height // scale))
            rgb = image if image.mode == "RGB" else image.convert("RGB")
            rgb.load()
            out = pool.take((rgb.height, rgb.width, 3))
            copy_pixels(rgb, out)
            return out
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise CorruptFrameError(str(error)) from error


def reduction(size: tuple[int, int], least: tuple[int, int] | None, whole: bool = False) -> int:
    """1, 2, 4 or 8: how much smaller ``size`` may become without getting below ``least``, both (width, height).

    With ``whole``, only by what leaves no remainder.
    """
    if least is None:
        return 1
    width, height = size
    fitting = (n for n in (8, 4, 2) if width // n >= least[0] and height // n >= least[1])
    return next((n for n in fitting if not whole or width % n == height % n == 0), 1)
