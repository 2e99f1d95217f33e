"""A video file replayed as a live camera: frames come at the file's own rate, and a busy consumer loses some."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from types import TracebackType

from ..frames import Frame
from ..sources.base import FrameSource, Outages


class FilePlayback:
    """Replays ``source`` at the pace of its time stamps, or at ``rate`` frames per second if it has none.

    A frame's ``captured_at`` is the moment it was due, so latency is measured as for a camera. If the file cannot be
    decoded fast enough, the playback clock is set back, so that slow decoding does not count as latency.
    """

    kind = "camera"
    moving = True
    live = True

    def __init__(self, source: FrameSource, rate: float) -> None:
        self._source, self._rate = source, rate
        self._stopped = threading.Event()
        self.outages = Outages()
        self.mode: str | None = f"a {source.kind}, played"

    @property
    def skipped(self) -> int:
        return self._source.skipped

    @property
    def dropped(self) -> int:
        return self._source.dropped

    def stop(self) -> None:
        self._stopped.set()
        self._source.stop()

    def __enter__(self) -> FilePlayback:
        self._source.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._source.__exit__(kind, error, trace)

    def __iter__(self) -> Iterator[Frame]:
        start: float | None = None
        for number, frame in enumerate(self._source):
            at = number / self._rate if frame.at is None else frame.at
            now = time.monotonic()
            start = now - at if start is None else start
            due = start + at
            if due < now:
                start, due = now - at, now
            elif self._stopped.wait(due - now):
                return
            yield frame._replace(captured_at=due)
