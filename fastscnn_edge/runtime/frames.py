"""A frame as it comes from a source, and as it leaves the network."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


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
