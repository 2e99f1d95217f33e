"""Calibration images: which files of a folder, and how they are read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from ...errors import SourceError
from ...log import Warn, silent
from ...runtime.images import ImageReader, list_images, resize_image
from ...runtime.images.reader import is_label_map
from ...text import count_of
from ..graph.graph import Graph

_Item = TypeVar("_Item")

ENOUGH = 8
"""Number of images below which a warning is due: the extremes of fewer say little about other images."""


def calibration_files(folder: str | Path, count: int, recursive: bool = False, warn: Warn = silent) -> list[Path]:
    """Up to ``count`` images of ``folder``, evenly spread over its sorted names: neighbors in a video are
    nearly alike. Label maps among them are passed over.

    Args:
        recursive: also the images in its subfolders.
        warn: receives a line about what is passed over, and about too few images.

    Raises:
        SourceError: no such folder, or no images in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise SourceError(f"no such calibration folder: {folder}")
    files = list_images(folder, recursive, warn)
    picked = spread(files, count)
    if any(map(is_label_map, picked)):
        pictures = [path for path in files if not is_label_map(path)]
        if not pictures:
            raise SourceError(f"{folder} holds label maps, no pictures")
        labels = count_of(len(files) - len(pictures), "label map")
        warn(f"passed over in {folder}: {labels}; {count_of(len(pictures), 'picture')} found")
        picked = spread(pictures, count)
    if len(picked) < ENOUGH:
        pictures_are = "picture is" if len(picked) == 1 else "pictures are"
        warn(f"{len(picked)} calibration {pictures_are} few: ranges seen on fewer than {ENOUGH} may not fit others")
    return picked


def spread(items: Sequence[_Item], limit: int) -> list[_Item]:
    """At least one and at most ``limit`` of ``items``, evenly spread over them."""
    picked = np.linspace(0, len(items) - 1, max(1, min(limit, len(items)))).round().astype(int)
    return [items[i] for i in picked]


def load_image(graph: Graph, file: Path, reader: ImageReader | None = None) -> np.ndarray:
    """An image at the graph's input size, resized exactly as the runtime does."""
    _, height, width, _ = graph.tensors[graph.input].shape
    return resize_image((reader or ImageReader()).read(file), height, width)
