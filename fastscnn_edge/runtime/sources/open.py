"""Choice of the source for a path."""

from __future__ import annotations

from pathlib import Path

from ...errors import SourceError
from ...log import Warn, warn_on_stderr
from ..images import IMAGE_SUFFIXES, ImageReader
from .base import FrameSource
from .images import VIDEO_SUFFIXES, FolderSource, ImageSource, listed


def open_source(
    path: str | Path,
    repeat: int = 1,
    warn: Warn = warn_on_stderr,
    reader: ImageReader | None = None,
    recursive: bool = False,
) -> FrameSource:
    """Make the source for ``path``.

    Args:
        path: an image, a folder of images or a video.
        repeat: number of times a single image is delivered.
        warn: receives one line for each image of a folder that cannot be read.
        reader: decodes images; one with default settings if None.
        recursive: of a folder, also the images in its subfolders.

    Raises:
        SourceError: no such file or folder, or neither image nor video.
    """
    path = Path(path)
    if path.is_dir():
        return FolderSource(path, warn, reader, recursive)
    if not path.exists():
        raise SourceError(f"no such picture, folder or video: {path}")
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return ImageSource(path, repeat, reader or ImageReader(warn=warn))
    if path.suffix.lower() in VIDEO_SUFFIXES:
        from .video import VideoSource

        return VideoSource(path)
    raise SourceError(f"{path} is neither a picture ({listed(IMAGE_SUFFIXES)}) nor a video ({listed(VIDEO_SUFFIXES)})")
