"""Frame rate and latency of the last few seconds, for people who watch."""

from __future__ import annotations

import statistics
import threading
import time
from collections import deque

from ..frames import SegmentedFrame

_SPAN = 3.0
"""Seconds looked back: long enough to read, short enough to follow."""


class RunningStats:
    """Counts finished frames and remembers those of the last seconds. For any thread.

    Attributes:
        frames: finished so far.
    """

    def __init__(self) -> None:
        self.frames = 0
        self._recent: deque[tuple[float, float]] = deque()  # (finished, latency) in seconds
        self._lock = threading.Lock()

    def add(self, result: SegmentedFrame) -> None:
        """Count ``result``."""
        with self._lock:
            self.frames += 1
            self._recent.append((result.finished_at, result.latency))
            self._forget(result.finished_at)

    def rate(self, now: float | None = None) -> float | None:
        """Frames per second, None while fewer than two frames are recent."""
        now = time.monotonic() if now is None else now
        with self._lock:
            self._forget(now)
            if len(self._recent) < 2:
                return None
            elapsed = self._recent[-1][0] - self._recent[0][0]
            return (len(self._recent) - 1) / elapsed if elapsed > 0 else None

    def latency(self) -> float | None:
        """Median from a frame's capture to its class map in milliseconds; of the last frame if none is recent."""
        with self._lock:
            return statistics.median(latency for _, latency in self._recent) * 1e3 if self._recent else None

    def _forget(self, now: float) -> None:
        while len(self._recent) > 1 and self._recent[0][0] < now - _SPAN:
            self._recent.popleft()
