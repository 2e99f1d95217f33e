"""What programs hand over as an image: arrays, Pillow images and paths."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .preprocess import check_frame

if TYPE_CHECKING:
    from PIL import Image

    ImageLike = np.ndarray | Image.Image | str | os.PathLike[str]


def rgb_of(image: ImageLike) -> tuple[np.ndarray, str]:
    """RGB uint8 [H, W, 3] of an image, and a name for its results.

    Args:
        image: such an array; a Pillow image of any mode, its pixels as they are stored; or the path of an image file,
            which is read as :class:`~..images.ImageReader` does, upright.

    Raises:
        TypeError: none of these.
        ValueError: an array of another shape or dtype, or a Pillow image whose range is unknown.
        SourceError: the file cannot be read as an image.
    """
    if isinstance(image, np.ndarray):
        check_frame(image)
        return image, "image"
    if isinstance(image, (str, os.PathLike)):
        from ..images import read_image

        path = Path(image)
        return read_image(path), path.stem
    from PIL import Image

    if isinstance(image, Image.Image):
        from ..images.pixels import rgb_array

        name = Path(str(getattr(image, "filename", "") or "image")).stem
        return rgb_array(image, None), name
    raise TypeError(
        f"an image is a numpy array (RGB, uint8 [H, W, 3]), a Pillow image or a path, not {type(image).__name__}"
    )
