"""Sources of still images: one file, or the files in a folder."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...errors import SourceError
from ...log import Warn, warn_on_stderr
from ...text import count_of
from ..frames import Frame
from ..images import ImageReader, list_images, unique_names
from .base import SourceState

VIDEO_SUFFIXES = frozenset(
    [
        ".mp4",
        ".m4v",
        ".mov",
        ".qt",
        ".mkv",
        ".webm",
        ".avi",
        ".mpg",
        ".mpeg",
        ".mpe",
        ".m1v",
        ".m2v",
        ".ts",
        ".mts",
        ".m2ts",
        ".m2t",
        ".vob",
        ".3gp",
        ".3g2",
        ".wmv",
        ".asf",
        ".flv",
        ".f4v",
        ".ogv",
        ".ogm",
        ".mxf",
        ".y4m",
        ".mjpg",
        ".mjpeg",
        ".h264",
        ".264",
        ".h265",
        ".265",
        ".hevc",
        ".av1",
        ".ivf",
    ]
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


class PictureFiles(SourceState):
    """Image files, and those of folders by name; hidden files and other formats in folders are passed over.

    A damaged image is skipped with a warning, so that one bad file does not end a long run. If no image can be read at
    all, that is an error.

    Args:
        places: image files and folders.
        warn: receives one line for each image that cannot be read.
        reader: decodes images; one with default settings if None.
        recursive: also the images in the folders' subfolders.
    """

    kind = "folder"
    moving = False

    def __init__(
        self,
        places: Sequence[Path],
        warn: Warn = warn_on_stderr,
        reader: ImageReader | None = None,
        recursive: bool = False,
    ) -> None:
        super().__init__()
        self._places, self._warn, self._reader = places, warn, reader or ImageReader(warn=warn)
        self._recursive = recursive
        self._images: list[Path] = []

    def __enter__(self) -> PictureFiles:
        self._images = []
        for place in self._places:
            self._images += list_images(place, self._recursive, self._warn) if place.is_dir() else [place]
        return self

    def __iter__(self) -> Iterator[Frame]:
        held_back: list[SourceError] = []  # warnings until an image was read; the first becomes the error if none is
        any_read = False
        for path, name in zip(self._images, unique_names(self._images), strict=True):
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
            where = f" in {self._places[0]}" if len(self._places) == 1 else ""
            raise SourceError(f"none of the {count_of(self.skipped, 'picture')}{where} can be read; {held_back[0]}")

    def _flush(self, errors: list[SourceError]) -> None:
        for error in errors:
            self._warn(f"skipped a picture: {error}")
        errors.clear()


def listed(suffixes: frozenset[str]) -> str:
    return " ".join(sorted(suffixes))
