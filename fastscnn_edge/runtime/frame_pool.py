"""Pool of frame buffers, so that a run of hours allocates no more than a run of seconds."""

from __future__ import annotations

import weakref
from collections import deque

import numpy as np
from PIL import Image

LIVE_FRAMES = 5
"""Camera frames in memory at once: one being captured, one waiting, one in the network, one waiting for output and one
being drawn."""

LIVE_MASKS = 3
"""Class maps in memory at once: those of the last three of these frames."""

_ROWS = 32
"""Rows copied at once out of a Pillow image: the only temporary, and small enough for a cache."""


class FramePool:
    """Lends uint8 arrays and takes their memory back when the last reference to them is gone.

    The garbage collector decides when, not a release call that a consumer might forget or make too early: the array
    handed out is the base of every slice and view of it, and its finalizer returns the memory. A kept frame stays
    valid; the pool allocates another buffer instead (decisions 0024 and 0025).

    Taking and returning may happen in different threads.

    Args:
        capacity: largest number of idle buffers that are kept; more than a pipeline has in flight are of no use.
        preallocate: buffers allocated, and their pages touched, as soon as the size is known. A run may need all of
            them only after hours; if memory is too small, it should fail at the start instead.
    """

    def __init__(self, capacity: int = 8, preallocate: int = 0) -> None:
        self._idle: deque[bytearray] = deque(maxlen=capacity)
        self._preallocate = preallocate
        self._size = 0
        self.allocated = 0

    def take(self, shape: tuple[int, ...]) -> np.ndarray:
        """Take a contiguous uint8 array of ``shape`` with undefined content."""
        size = int(np.prod(shape))
        if size != self._size:  # the frame size changed: drop the old buffers
            self._idle.clear()
            self._size = size
            self._idle.extend(_touched(size) for _ in range(self._preallocate))
            self.allocated += self._preallocate
        try:
            memory = self._idle.pop()
        except IndexError:
            memory = bytearray(size)
            self.allocated += 1
        # numpy collapses chains of views to the first array over foreign memory: this one.
        lent = np.frombuffer(memory, np.uint8)
        weakref.finalize(lent, self._give_back, memory).atexit = False
        return lent.reshape(shape)

    def _give_back(self, memory: bytearray) -> None:
        if len(memory) == self._size:
            self._idle.append(memory)


def _touched(size: int) -> bytearray:
    """Memory with all pages resident: the kernel provides a page only when it is first written."""
    memory = bytearray(size)
    np.frombuffer(memory, np.uint8).fill(0)
    return memory


def copy_pixels(image: Image.Image, out: np.ndarray) -> None:
    """Copy an RGB Pillow image into ``out``, uint8 [H, W, 3] of the same size.

    Strip by strip: ``np.asarray(image)`` would allocate the frame twice, and is slower.
    """
    height, width = out.shape[:2]
    for top in range(0, height, _ROWS):
        bottom = min(top + _ROWS, height)
        strip = image.crop((0, top, width, bottom)).tobytes()
        out[top:bottom] = np.frombuffer(strip, np.uint8).reshape(bottom - top, width, 3)
