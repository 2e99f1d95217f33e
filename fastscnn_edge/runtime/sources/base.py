"""Where frames come from: a picture, a folder of pictures, a video. Cameras are in :mod:`.cameras`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import NamedTuple, Protocol

from ..frames import Frame


class Outage(NamedTuple):
    """A time without a camera. ``at`` counts from the first frame on; both in seconds."""

    at: float
    seconds: float
    reason: str


KEPT_OUTAGES = 256


class Outages:
    """Times without the camera, in a memory that never grows: all are counted, the latest are kept.

    Attributes:
        kept: at most :data:`KEPT_OUTAGES`, oldest first.
        count, seconds: of all.
    """

    def __init__(self) -> None:
        self.kept: deque[Outage] = deque(maxlen=KEPT_OUTAGES)
        self.count, self.seconds = 0, 0.0

    def add(self, gap: Outage) -> None:
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
        outages: times without the camera.
    """

    kind: str
    moving: bool
    live: bool
    outages: Outages

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


class SourceState:
    """The attributes of a :class:`FrameSource` and what most of them do: nothing to drop, stop or close."""

    live = False

    def __init__(self) -> None:
        self.skipped = self.dropped = 0
        self.mode: str | None = None
        self.outages = Outages()

    def stop(self) -> None:
        """Nothing here waits."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        """Nothing here is open."""
