"""Interface of frame sources: images, folders and videos in this package, cameras in :mod:`..cameras`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import NamedTuple, Protocol

from ..frames import Frame


class Outage(NamedTuple):
    """One outage of a camera. ``at`` is relative to the first frame; both times in seconds."""

    at: float
    seconds: float
    reason: str


KEPT_OUTAGES = 256


class Outages:
    """Outages of a camera in constant memory: all are counted, the latest are kept.

    Attributes:
        kept: the latest outages, at most :data:`KEPT_OUTAGES`, oldest first.
        count: number of all outages.
        seconds: their total duration.
    """

    def __init__(self) -> None:
        self.kept: deque[Outage] = deque(maxlen=KEPT_OUTAGES)
        self.count, self.seconds = 0, 0.0

    def add(self, gap: Outage) -> None:
        self.kept.append(gap)
        self.count += 1
        self.seconds += gap.seconds


class FrameSource(Protocol):
    """Source of frames, used as ``with source: for frame in source``. Entering opens the device or file.

    The frames may be iterated in another thread than the one that enters and leaves, but not while it leaves. A
    camera can be entered again after it was left, and continues counting.

    Attributes:
        kind: ``picture``, ``folder``, ``video`` or ``camera``.
        moving: frames belong together and have one size: a video or camera.
        live: frames come at their own pace, and are dropped while the consumer is busy.
        skipped: damaged images, packets or frames skipped so far.
        dropped: frames that were captured but never delivered, as far as the driver reports.
        mode: the camera's mode as text for the user; None if none was set.
        outages: outages of the camera.
    """

    kind: str
    moving: bool
    live: bool

    @property
    def outages(self) -> Outages: ...

    @property
    def skipped(self) -> int: ...

    @property
    def dropped(self) -> int: ...

    @property
    def mode(self) -> str | None: ...

    def stop(self) -> None:
        """End a waiting iteration soon. The only method that any thread may call at any time."""
        ...

    def __enter__(self) -> FrameSource: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def __iter__(self) -> Iterator[Frame]: ...


class SourceState:
    """Base of sources: the attributes of a :class:`FrameSource`, with nothing to drop, stop or close."""

    live = False

    def __init__(self) -> None:
        self.skipped = self.dropped = 0
        self.mode: str | None = None
        self.outages = Outages()

    def stop(self) -> None:
        """Do nothing: reading a file never waits."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        """Do nothing: nothing stays open."""
