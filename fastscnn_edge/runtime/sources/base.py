"""Where frames come from: a picture, a folder of pictures, a video. Cameras are in :mod:`.cameras`."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol

import numpy as np

from ...errors import SourceError
from ...log import plain
from ..images import PICTURE_SUFFIXES, read_picture

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mjpeg", ".h264", ".hevc"}
)

Warn = Callable[[str], None]


class Frame(NamedTuple):
    """One picture of a source.

    Attributes:
        rgb: uint8 [H, W, 3]. Its memory is lent (see :class:`~.buffers.FramePool`): keep it as long as you like, but
            do not write to it.
        name: file name of its results, without a suffix.
        captured_at: ``time.monotonic()`` when a camera took it, or when it was read from a file. Seconds.
        at: position in a video in seconds, None where there is none.
    """

    rgb: np.ndarray
    name: str
    captured_at: float
    at: float | None = None


class Gap(NamedTuple):
    """A time without a camera. ``at`` counts from the first frame on; both in seconds."""

    at: float
    seconds: float
    reason: str


KEPT_GAPS = 256


class Gaps:
    """Times without the camera, in a memory that never grows: all are counted, the latest are kept.

    Attributes:
        kept: at most :data:`KEPT_GAPS`, oldest first.
        count, seconds: of all.
    """

    def __init__(self) -> None:
        self.kept: deque[Gap] = deque(maxlen=KEPT_GAPS)
        self.count, self.seconds = 0, 0.0

    def add(self, gap: Gap) -> None:
        self.kept.append(gap)
        self.count += 1
        self.seconds += gap.seconds


class FrameSource(Protocol):
    """Use as ``with source: for frame in source``. Entering opens the device or file, leaving closes it.

    The frames may be iterated in another thread than the one that enters and leaves, but not while it leaves. A
    camera can be entered again after it was left, and goes on counting.

    Attributes:
        kind: ``picture``, ``folder``, ``video`` or ``camera``.
        moving: frames belong together and have one size: a video or camera.
        live: frames come at their own pace, so those that nobody has time for are dropped.
        skipped: damaged pictures, packets or frames passed over so far.
        dropped: frames that were taken but never delivered, as far as the driver tells.
        mode: what a camera was set to, for people; None where nothing was set.
        gaps: times without the camera.
    """

    kind: str
    moving: bool
    live: bool
    gaps: Gaps

    @property
    def skipped(self) -> int: ...

    @property
    def dropped(self) -> int: ...

    @property
    def mode(self) -> str | None: ...

    def stop(self) -> None:
        """End a waiting iteration soon. The one method for any thread at any time."""
        ...

    def __enter__(self) -> FrameSource: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def __iter__(self) -> Iterator[Frame]: ...


def warn_on_stderr(message: str) -> None:
    """One line for the person at the terminal."""
    plain("warning", message)


def open_source(path: str | Path, repeat: int = 1, warn: Warn = warn_on_stderr) -> FrameSource:
    """The source for ``path``, by what it is.

    Args:
        path: a picture, a folder of pictures or a video.
        repeat: how many times a single picture is delivered.
        warn: receives one line for each picture of a folder that cannot be read.

    Raises:
        SourceError: no such file or folder, or neither picture nor video.
    """
    path = Path(path)
    if path.is_dir():
        return FolderSource(path, warn)
    if not path.exists():
        raise SourceError(f"no such picture, folder or video: {path}")
    if path.suffix.lower() in PICTURE_SUFFIXES:
        return PictureSource(path, repeat)
    if path.suffix.lower() in VIDEO_SUFFIXES:
        from .video import VideoSource

        return VideoSource(path)
    raise SourceError(
        f"{path} is neither a picture ({_listed(PICTURE_SUFFIXES)}) nor a video ({_listed(VIDEO_SUFFIXES)})"
    )


class SourceState:
    """The attributes of a :class:`FrameSource` and what most of them do: nothing to drop, stop or close."""

    live = False

    def __init__(self) -> None:
        self.skipped = self.dropped = 0
        self.mode: str | None = None
        self.gaps = Gaps()

    def stop(self) -> None:
        """Nothing here waits."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        """Nothing here is open."""


class PictureSource(SourceState):
    """One picture, decoded again each time it is repeated, as a camera would deliver it anew."""

    kind = "picture"
    moving = False

    def __init__(self, path: Path, repeat: int = 1) -> None:
        super().__init__()
        self._path, self._repeat = path, repeat

    def __enter__(self) -> PictureSource:
        return self

    def __iter__(self) -> Iterator[Frame]:
        for _ in range(self._repeat):
            yield Frame(read_picture(self._path), self._path.stem, time.monotonic())


class FolderSource(SourceState):
    """The pictures directly inside a folder, by name; hidden files and other kinds are left out.

    A damaged picture is passed over with a warning, so that one bad file does not cost a night's run. If no picture
    can be read at all, that is an error.
    """

    kind = "folder"
    moving = False

    def __init__(self, path: Path, warn: Warn = warn_on_stderr) -> None:
        super().__init__()
        self._path, self._warn = path, warn
        self._pictures: list[Path] = []

    def __enter__(self) -> FolderSource:
        try:
            entries = sorted(self._path.iterdir())
        except OSError as error:
            raise SourceError(f"cannot list {self._path}: {error.strerror}") from error
        self._pictures = [
            p for p in entries if p.suffix.lower() in PICTURE_SUFFIXES and not p.name.startswith(".") and p.is_file()
        ]
        if not self._pictures:
            raise SourceError(f"{self._path} contains no pictures ({_listed(PICTURE_SUFFIXES)})")
        return self

    def __iter__(self) -> Iterator[Frame]:
        stems = Counter(p.stem for p in self._pictures)
        held_back: list[SourceError] = []  # while nothing has been read, the trouble may be all there is to say
        any_read = False
        for path in self._pictures:
            try:
                rgb = read_picture(path)
            except SourceError as error:
                self.skipped += 1
                held_back.append(error)
            else:
                any_read = True
                # a.jpg and a.png would otherwise write the same results
                yield Frame(rgb, path.stem if stems[path.stem] == 1 else path.name, time.monotonic())
            if any_read:
                self._flush(held_back)
        if not any_read:
            raise SourceError(f"none of the {self.skipped} pictures in {self._path} can be read; {held_back[0]}")

    def _flush(self, errors: list[SourceError]) -> None:
        for error in errors:
            self._warn(f"skipped a picture: {error}")
        errors.clear()


def _listed(suffixes: frozenset[str]) -> str:
    return " ".join(sorted(suffixes))
