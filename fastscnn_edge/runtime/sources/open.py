"""Choice of the source for a path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...errors import MissingExtraError, SourceError
from ...log import Warn, warn_on_stderr
from ..images import IMAGE_SUFFIXES, ImageReader
from ..images.reader import image_size
from .base import FrameSource
from .images import VIDEO_SUFFIXES, ImageSource, PictureFiles, listed


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
        return PictureFiles([path], warn, reader, recursive)
    if is_picture(path):
        return ImageSource(path, repeat, reader or ImageReader(warn=warn))
    from .video import VideoSource

    return VideoSource(path)


def open_sources(
    paths: Sequence[Path],
    repeat: int = 1,
    warn: Warn = warn_on_stderr,
    reader: ImageReader | None = None,
    recursive: bool = False,
) -> FrameSource:
    """Make the source for one path, or for several images and folders of images, in their order.

    Raises:
        SourceError: see :func:`open_source`, or a video is among several.
    """
    if len(paths) == 1:
        return open_source(paths[0], repeat, warn, reader, recursive)
    for path in paths:
        if not path.is_dir() and not is_picture(path):
            raise SourceError(f"{path} is a video: give it alone; only pictures and folders go together")
    return PictureFiles(paths, warn, reader, recursive)


def is_picture(path: Path) -> bool:
    """Whether a file is an image, and not a video: by its suffix, else by its content.

    Raises:
        SourceError: it is neither, or no file.
    """
    if not path.exists():
        raise SourceError(f"no such picture, folder or video: {path}")
    if not path.is_file():
        raise SourceError(f"{path} is a device or pipe, neither a picture nor a video")
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES or suffix in VIDEO_SUFFIXES:
        return suffix in IMAGE_SUFFIXES
    if image_size(path) is not None:
        return True
    if not _opens_as_video(path):
        kinds = f"a picture ({listed(IMAGE_SUFFIXES)}) nor a video ({listed(VIDEO_SUFFIXES)})"
        raise SourceError(f"{path} is neither {kinds}")
    return False


def _opens_as_video(path: Path) -> bool:
    from .video import VideoSource

    try:
        with VideoSource(path):
            return True
    except (SourceError, MissingExtraError):
        return False
