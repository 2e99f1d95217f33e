"""Reconnection to a camera that was lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType

from ...errors import CameraLostError, SourceError
from ...log import Warn, warn_on_stderr
from ..frames import Frame
from ..sources.base import FrameSource, Outage, Outages

RECONNECT = 30.0
"""Default seconds to wait for a lost camera: enough for a bumped plug or a hub that resets."""

_FIRST_WAIT, _LONGEST_WAIT = 0.25, 5.0

_LOGGED_ALWAYS = 5
_LOG_INTERVAL = 60.0
"""Seconds between messages after the first five outages, so that a flapping stream cannot fill the disk."""


class Reconnecting:
    """Wraps ``camera`` and reopens it after an outage: logs when it is lost and when it is back, and counts outages.

    A camera that cannot be opened at first is probably a wrong number, so it is an error at once.

    Args:
        camera: a live source that can be entered again.
        seconds: longest outage that is waited for; 0: fail immediately.
        warn: receives the messages.
        waiting: called before and after each attempt to reopen the camera, so that a watchdog learns that this process
            is alive although no frame comes.
    """

    moving = True
    live = True

    def __init__(
        self,
        camera: FrameSource,
        seconds: float = RECONNECT,
        warn: Warn = warn_on_stderr,
        waiting: Callable[[], object] = lambda: None,
    ) -> None:
        self._camera, self._seconds, self._waiting = camera, seconds, waiting
        self._stopped = threading.Event()
        self.kind = camera.kind
        self.outages = Outages()
        self._log = _OutageLog(warn)

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
        """Yield the camera's frames across outages.

        Raises:
            CameraLostError: it did not come back in time.
        """
        began = time.monotonic()
        outage: _CurrentOutage | None = None
        try:
            while True:
                try:
                    for frame in self._camera:
                        if outage is not None:  # only a frame proves that it is back
                            self._log.back(f"the camera is back after {outage.lasted:.1f} s")
                            self._keep(outage, began)
                            outage = None
                        yield frame
                    return
                except CameraLostError as lost:
                    if not self._seconds or self._stopped.is_set():
                        raise
                    if outage is None:
                        outage = _CurrentOutage(str(lost), time.monotonic())
                        self._log.lost(f"{lost}; waiting {self._seconds:g} s for it")
                    elif outage.lasted > self._seconds:
                        raise self._given_up(lost) from lost
                self._camera.__exit__(None, None, None)
                if not self._reopen(outage):
                    return
        finally:
            if outage is not None:
                self._keep(outage, began)

    def _reopen(self, outage: _CurrentOutage) -> bool:
        """Reopen the camera; False when stopped while waiting."""
        while not self._stopped.wait(outage.pause()):
            self._waiting()
            try:
                self._camera.__enter__()
                return True
            except SourceError as error:
                if outage.lasted > self._seconds:
                    raise self._given_up(error) from error
            finally:
                self._waiting()  # a network camera may have taken ten seconds to fail
        return False

    def _given_up(self, error: SourceError) -> CameraLostError:
        return CameraLostError(f"the camera did not come back within {self._seconds:g} s: {error}")

    def _keep(self, outage: _CurrentOutage, began: float) -> None:
        self.outages.add(Outage(outage.since - began, outage.lasted, outage.reason))


class _OutageLog:
    """Logs outages, rate-limited."""

    def __init__(self, warn: Warn) -> None:
        self._warn = warn
        self._outages = self._unlogged = 0
        self._last = 0.0
        self._logging = False

    def lost(self, message: str) -> None:
        self._outages += 1
        now = time.monotonic()
        self._logging = self._outages <= _LOGGED_ALWAYS or now - self._last >= _LOG_INTERVAL
        if not self._logging:
            self._unlogged += 1
            return
        more = f" ({self._unlogged} more outages since the last message)" if self._unlogged else ""
        self._warn(message + more)
        self._unlogged, self._last = 0, now

    def back(self, message: str) -> None:
        if self._logging:
            self._warn(message)


class _CurrentOutage:
    """The outage in progress and its retry intervals."""

    def __init__(self, reason: str, since: float) -> None:
        self.reason, self.since = reason, since
        self._pause = _FIRST_WAIT

    @property
    def lasted(self) -> float:
        return time.monotonic() - self.since

    def pause(self) -> float:
        """Seconds until the next attempt, doubled each time up to a limit."""
        pause, self._pause = self._pause, min(self._pause * 2, _LONGEST_WAIT)
        return pause
