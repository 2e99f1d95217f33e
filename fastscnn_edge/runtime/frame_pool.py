"""Frame memory that is used again, so that a run of hours allocates what a run of seconds does."""

from __future__ import annotations

import weakref
from collections import deque

import numpy as np
from PIL import Image

LIVE_FRAMES = 5
"""Frames of a camera in memory at once: one being captured, one waiting, one in the network, one waiting for output and
one being drawn."""

LIVE_MASKS = 3
"""Class maps likewise, of the last three of these."""

_ROWS = 32
"""Rows copied at once out of a Pillow picture: the only temporary, and small enough for a cache."""


class FramePool:
    """Lends uint8 arrays; the memory of one comes back when nothing looks at it any more.

    "Any more" is decided by the garbage collector, not by a call that a consumer might forget or make too early:
    the array handed out is the base of every slice and view made of it, and its end returns the memory. So whoever
    keeps a frame, keeps it unchanged; it only costs an allocation.

    Taking and returning may happen in different threads.

    Args:
        keep: how many idle buffers are held on to; more than a pipeline has in flight are of no use.
        ready: how many are made, and their pages used, as soon as the size is known. All of them may not be needed
            for hours, and then memory would run out in hours instead of now.
    """

    def __init__(self, keep: int = 8, ready: int = 0) -> None:
        self._idle: deque[bytearray] = deque(maxlen=keep)
        self._ready = ready
        self._size = 0
        self.allocated = 0

    def take(self, shape: tuple[int, ...]) -> np.ndarray:
        """A contiguous uint8 array of ``shape`` with undefined content."""
        size = int(np.prod(shape))
        if size != self._size:  # a camera came back with another mode: the old buffers fit nobody
            self._idle.clear()
            self._size = size
            self._idle.extend(_touched(size) for _ in range(self._ready))
            self.allocated += self._ready
        try:
            memory = self._idle.pop()
        except IndexError:
            memory = bytearray(size)
            self.allocated += 1
        # numpy collapses chains of views down to the first array over foreign memory: to this one.
        lent = np.frombuffer(memory, np.uint8)
        weakref.finalize(lent, self._give_back, memory).atexit = False
        return lent.reshape(shape)

    def _give_back(self, memory: bytearray) -> None:
        if len(memory) == self._size:
            self._idle.append(memory)


def _touched(size: int) -> bytearray:
    """Memory that is there: the kernel gives a page when it is first written to."""
    memory = bytearray(size)
    np.frombuffer(memory, np.uint8).fill(0)
    return memory


def copy_pixels(image: Image.Image, out: np.ndarray) -> None:
    """Copy an RGB picture into ``out``, uint8 [H, W, 3] of the same size.

    Strip by strip: ``np.asarray(picture)`` would allocate the frame twice, and is slower.
    """
    height, width = out.shape[:2]
    for top in range(0, height, _ROWS):
        bottom = min(top + _ROWS, height)
        strip = image.crop((0, top, width, bottom)).tobytes()
        out[top:bottom] = np.frombuffer(strip, np.uint8).reshape(bottom - top, width, 3)
