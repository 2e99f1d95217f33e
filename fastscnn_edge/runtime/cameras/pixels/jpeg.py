"""Decoder for one JPEG of a Motion-JPEG camera, which can scale down while it decodes."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from ...frame_pool import FramePool, copy_pixels
from ...images import MAX_PIXELS


class CorruptFrameError(ValueError):
    """A frame arrived damaged. The next one may be intact."""


def decode_jpeg(data: bytes | memoryview, pool: FramePool, minimum_size: tuple[int, int] | None = None) -> np.ndarray:
    """Decode ``data``.

    Args:
        data: one JPEG. Cameras leave out the Huffman tables; libjpeg then uses the standard ones.
        pool: lends the result's memory.
        minimum_size: (width, height). libjpeg reduces the image by 2, 4 or 8 while decoding, as long as neither side
            falls below this; None decodes it at full size.

    Returns:
        uint8 [H, W, 3], from ``pool``.

    Raises:
        CorruptFrameError: not a complete JPEG.
    """
    whole = _with_end(data)
    try:
        with Image.open(io.BytesIO(whole), formats=("JPEG",)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise CorruptFrameError(f"a frame claims {image.width}x{image.height} pixels")
            scale = reduction(image.size, minimum_size)
            # draft() chooses the largest reduction that leaves at least this size.
            image.draft("RGB", (image.width // scale, image.height // scale))
            rgb = image if image.mode == "RGB" else image.convert("RGB")
            rgb.load()
            out = pool.take((rgb.height, rgb.width, 3))
            copy_pixels(rgb, out)
            if whole is not data and _is_flat(out[-_BLOCK:, -_BLOCK:]):
                raise CorruptFrameError("it ends early")
            return out
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise CorruptFrameError(str(error)) from error


_END = b"\xff\xd9"

_BLOCK = 4
"""Side of the corner that libjpeg leaves flat when data end early: half a block, since chroma is smoothed."""


def _with_end(data: bytes | memoryview) -> bytes | memoryview:
    """``data`` itself, or with the end marker that some cameras leave out: Pillow would take the frame for cut off."""
    if bytes(data[-2:]) == _END:
        return data
    frame = bytes(data).rstrip(b"\0")  # some pad with zeros
    return data if frame.endswith(_END) else frame + _END


def _is_flat(pixels: np.ndarray) -> bool:
    return bool((pixels == pixels[-1, -1]).all())


def reduction(size: tuple[int, int], minimum_size: tuple[int, int] | None, whole: bool = False) -> int:
    """Factor 1, 2, 4 or 8 by which ``size`` may shrink without falling below ``minimum_size``, both (width, height).

    With ``whole``, only factors that leave no remainder.
    """
    if minimum_size is None:
        return 1
    width, height = size
    fitting = (n for n in (8, 4, 2) if width // n >= minimum_size[0] and height // n >= minimum_size[1])
    return next((n for n in fitting if not whole or width % n == height % n == 0), 1)
