"""Sources of still images: one file, or the files in a folder."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from ...errors import SourceError
from ...log import Warn, warn_on_stderr
from ..frames import Frame
from ..images import ImageReader, list_images, unique_names
from .base import SourceState

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mjpeg", ".h264", ".hevc"}
)


class ImageSource(SourceState):
    """One image file, decoded again for each repetition, as a camera would deliver it again."""

    kind = "picture"
    moving = False

    def __init__(self, path: Path, repeat: int = 1, reader: ImageReader | None = None) -> None:
        super().__init__()
        self._path, self._repeat, self._reader = path, repeat, reader or ImageReader(warn=warn_on_stderr)

    def __enter__(self) -> ImageSource:
        return self

    def __iter__(self) -> Iterator[Frame]:
        for _ in range(self._repeat):
            yield Frame(self._reader.read(self._path), self._path.stem, time.monotonic())


class FolderSource(SourceState):
    """Image files of a folder, by name; hidden files and other formats are passed over.

    A damaged image is skipped with a warning, so that one bad file does not end a long run. If no image can be read at
    all, that is an error.
    """

    kind = "folder"
    moving = False

    def __init__(
        self, path: Path, warn: Warn = warn_on_stderr, reader: ImageReader | None = None, recursive: bool = False
    ) -> None:
        super().__init__()
        self._path, self._warn, self._reader = path, warn, reader or ImageReader(warn=warn)
        self._recursive = recursive
        self._images: list[Path] = []

    def __enter__(self) -> FolderSource:
        self._images = list_images(self._path, self._recursive, self._warn)
        return self

    def __iter__(self) -> Iterator[Frame]:
        held_back: list[SourceError] = []  # warnings until an image was read; the first becomes the error if none is
        any_read = False
        for path, name in zip(self._images, unique_names(self._images, self._path), strict=True):
            try:
                rgb = self._reader.read(path)
            except SourceError as error:
                self.skipped += 1
                held_back.append(error)
            else:
                any_read = True
                frame = Frame(rgb, name, time.monotonic())
                del rgb
                yield frame
                del frame  # a generator keeps its variables, and the next image is decoded before they are set again
            if any_read:
                self._flush(held_back)
        if not any_read:
            raise SourceError(f"none of the {self.skipped} pictures in {self._path} can be read; {held_back[0]}")

    def _flush(self, errors: list[SourceError]) -> None:
        for error in errors:
            self._warn(f"skipped a picture: {error}")
        errors.clear()


def listed(suffixes: frozenset[str]) -> str:
    return " ".join(sorted(suffixes))
