"""Running mean of the logits against flicker (``--smooth``)."""

from __future__ import annotations

import math

import numpy as np

from ..frames import Frame

FORGOTTEN = 5.0
"""A gap of so many time constants begins anew: less than a hundredth of the mean would be left."""


class LogitMean:
    """Exponentially weighted mean of a video's or camera's logits on the coarse grid, of several cameras one each.

    A frame ``gap`` seconds after the one before it counts with the weight 1 - exp(-gap / seconds), so that the mean
    does not depend on the frame rate or on dropped frames. Time is the position in the video, or the capture time. It
    begins anew with another frame size, after a gap of more than :data:`FORGOTTEN` time constants, and when time goes
    back. For one thread.

    Args:
        seconds: time constant, above 0: after it a change shows by 63 %.
    """

    def __init__(self, seconds: float) -> None:
        if not seconds > 0:
            raise ValueError(f"a time constant is above 0, not {seconds}")
        self._seconds = seconds
        self._means: dict[str | None, _Mean] = {}

    def update(self, frame: Frame, logits: np.ndarray) -> np.ndarray:
        """Add the logits of ``frame``, [h, w, C] int8 or float32; returns its mean so far, float32 [h, w, C].

        Quantized logits share one scale and zero point, so their mean has the same argmax as that of real ones. The
        result is valid, and must not be written to, until the next call.
        """
        return self._means.setdefault(frame.camera, _Mean()).update(frame, logits, self._seconds)


class _Mean:
    """The mean of one camera or video, and when it was last added to."""

    def __init__(self) -> None:
        self._mean: np.ndarray = np.empty(0, np.float32)
        self._scratch: np.ndarray = self._mean
        self._size: tuple[int, ...] = ()
        self._last = -math.inf

    def update(self, frame: Frame, logits: np.ndarray, seconds: float) -> np.ndarray:
        now, size = frame.captured_at if frame.at is None else frame.at, frame.rgb.shape
        gap, self._last = now - self._last, now
        if self._mean.shape != logits.shape or self._size != size or not 0 <= gap <= FORGOTTEN * seconds:
            self._size = size
            if self._mean.shape != logits.shape:
                self._mean, self._scratch = (np.empty(logits.shape, np.float32) for _ in range(2))
            self._mean[...] = logits
            return self._mean
        np.subtract(logits, self._mean, out=self._scratch)
        self._scratch *= np.float32(-math.expm1(-gap / seconds))
        self._mean += self._scratch
        return self._mean
