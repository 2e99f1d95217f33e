"""Calibration images: which files of a folder, and how they are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...errors import SourceError
from ...runtime.images import IMAGE_SUFFIXES, ImageReader, list_images, resize_image
from ..graph.graph import Graph


def calibration_files(folder: str | Path, count: int) -> list[Path]:
    """Up to ``count`` images of ``folder``, evenly spread over its sorted names: neighbors in a video are
    nearly alike.

    Raises:
        SourceError: no such folder, or no images in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise SourceError(f"no such calibration folder: {folder}")
    files = list_images(folder, recursive=True)
    if not files:
        raise SourceError(f"the calibration folder {folder} holds no pictures ({', '.join(sorted(IMAGE_SUFFIXES))})")
    picked = np.linspace(0, len(files) - 1, min(count, len(files))).round().astype(int)
    return [files[i] for i in picked]


def load_image(graph: Graph, file: Path, reader: ImageReader | None = None) -> np.ndarray:
    """An image at the graph's input size, resized exactly as the runtime does."""
    _, height, width, _ = graph.tensors[graph.input].shape
    return resize_image((reader or ImageReader()).read(file), height, width)
