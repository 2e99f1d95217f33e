"""A camera that went away is waited for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from types import TracebackType

from ...errors import CameraLostError, SourceError
from ..sources import Frame, FrameSource, Gap, Warn, warn_on_stderr

RECONNECT = 30.0
"""Seconds a lost camera is waited for unless told otherwise: a bumped plug, a hub that resets."""

_FIRST_WAIT, _LONGEST_WAIT = 0.25, 5.0


class Reconnecting:
    """``camera`` with its outages bridged: one message when it goes, one when it is back, and a :class:`Gap` kept.

    Only a camera that was there is waited for: one that cannot be opened at all is a wrong number more likely.

    Args:
        camera: a live source that can be entered again.
        seconds: how long each outage may last; 0 does not wait.
        warn: receives the messages.
    """

    moving = True
    live = True

    def __init__(self, camera: FrameSource, seconds: float = RECONNECT, warn: Warn = warn_on_stderr) -> None:
        self._camera, self._seconds, self._warn = camera, seconds, warn
        self._stopped = threading.Event()
        self.kind = camera.kind
        self.gaps: list[Gap] = []

    @property
    def skipped(self) -> int:
        return self._camera.skipped

    @property
    def dropped(self) -> int:
        return self._camera.dropped

    @property
    def mode(self) -> str | None:
        return self._camera.mode

    def stop(self) -> None:
        self._stopped.set()
        self._camera.stop()

    def __enter__(self) -> Reconnecting:
        self._camera.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._camera.__exit__(kind, error, trace)

    def __iter__(self) -> Iterator[Frame]:
        """Frames of the camera, whatever happens to it.

        Raises:
            CameraLostError: it did not come back in time.
        """
        began = time.monotonic()
        while True:
            try:
                yield from self._camera
                return
            except CameraLostError as lost:
                if not self._seconds or self._stopped.is_set():
                    raise
                reason, at = str(lost), time.monotonic()
            self._warn(f"{reason}; waiting {self._seconds:g} s for it")
            self._camera.__exit__(None, None, None)
            try:
                back = self._reopen(at)
            finally:
                self.gaps.append(Gap(at - began, time.monotonic() - at, reason))
            if not back:
                return
            self._warn(f"the camera is back after {time.monotonic() - at:.1f} s")

    def _reopen(self, since: float) -> bool:
        """Whether it is open again; False when stopped while waiting."""
        pause = _FIRST_WAIT
        while not self._stopped.wait(pause):
            try:
                self._camera.__enter__()
                return True
            except SourceError as error:
                left = since + self._seconds - time.monotonic()
                if left <= 0:
                    message = f"the camera did not come back within {self._seconds:g} s: {error}"
                    raise CameraLostError(message) from error
                pause = min(pause * 2, _LONGEST_WAIT, left)
        return False
