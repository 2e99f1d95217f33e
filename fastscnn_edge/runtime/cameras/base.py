"""Shared parts of all cameras: frame memory, numbered frames, a way to end waiting."""

from __future__ import annotations

import threading

import numpy as np

from ..frame_pool import LIVE_FRAMES, FramePool
from ..frames import Frame
from ..sources.base import SourceState

STALL = 5.0
"""Seconds without a whole frame after which a camera counts as lost."""

_MAX_AGE = 10.0  # seconds; a time stamp further in the past is on another clock


class Camera(SourceState):
    """Base of cameras: a :class:`~..sources.base.FrameSource` except for entering, iterating and ``_close``.

    Args:
        stall: seconds without a whole frame after which it counts as lost.
    """

    kind = "camera"
    moving = True
    live = True

    def __init__(self, stall: float) -> None:
        super().__init__()
        self._stall = stall
        self._stopped = threading.Event()
        self._pool = FramePool(preallocate=LIVE_FRAMES)
        self._number = 0

    def stop(self) -> None:
        self._stopped.set()

    def _next_frame(self, rgb: np.ndarray, taken: float) -> Frame:
        """Number the frame, counting on even after an outage."""
        self._number += 1
        return Frame(rgb, f"frame_{self._number:06d}", taken)


def plausible_timestamp(stamp: float | None, now: float) -> float:
    """The driver's time stamp if it is on the monotonic clock, as V4L2 prescribes, else ``now``. Seconds."""
    return stamp if stamp is not None and 0 <= now - stamp < _MAX_AGE else now
