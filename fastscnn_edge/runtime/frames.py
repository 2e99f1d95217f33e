"""A frame as a source delivers it, and the same frame with its class map."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Frame(NamedTuple):
    """One image from a source.

    Attributes:
        rgb: uint8 [H, W, 3]. Backed by pooled memory (see :class:`~.frame_pool.FramePool`): keep it as long as you
            like, but do not write to it.
        name: file name of its results, without a suffix.
        captured_at: ``time.monotonic()`` when a camera took it, or when it was read from a file. Seconds.
        at: position in a video in seconds, None if it is not from a video.
        camera: name of the camera where there are several, else None.
    """

    rgb: np.ndarray
    name: str
    captured_at: float
    at: float | None = None
    camera: str | None = None


class SegmentedFrame(NamedTuple):
    """A frame and the class of each of its pixels. Sinks may keep it, but must not write to its arrays.

    Attributes:
        frame: the frame that was segmented.
        class_map: uint8 [H, W], class indices at the frame's own size.
        finished_at: ``time.monotonic()`` when ``class_map`` was complete. Seconds.
    """

    frame: Frame
    class_map: np.ndarray
    finished_at: float

    @property
    def latency(self) -> float:
        """Seconds from capture (or decoding) to the complete class map: the only latency that this package reports."""
        return self.finished_at - self.frame.captured_at
