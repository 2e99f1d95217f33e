"""Frame rate and latency of the last few seconds, for the window and the web page."""

from __future__ import annotations

import statistics
import threading
import time
from collections import deque

from ..frames import SegmentedFrame

_SPAN = 3.0
"""Seconds that are averaged: steady enough to read, short enough to follow changes."""


class RunningStats:
    """Counter of finished frames that remembers those of the last seconds. Thread-safe.

    Attributes:
        frames: number of finished frames.
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
        """Median latency in milliseconds; that of the last frame if none is recent, None before the first."""
        with self._lock:
            return statistics.median(latency for _, latency in self._recent) * 1e3 if self._recent else None

    def _forget(self, now: float) -> None:
        while len(self._recent) > 1 and self._recent[0][0] < now - _SPAN:
            self._recent.popleft()
