"""Newest overlay as JPEG, for any number of viewers, each at its own pace."""

from __future__ import annotations

import io
import threading
from typing import NamedTuple

import numpy as np
from PIL import Image

from ...spec import ClassSet
from ..frames import SegmentedFrame
from ..sinks.overlay import blend
from ..sinks.style import PLAIN, Style

_MAX_WIDTH = 1280
"""Largest width in pixels. Wider frames are shrunk: a board's network costs more than a browser's scaling."""

_QUALITY = 80


class Numbered(NamedTuple):
    """A segmented frame and its number, counted from 1."""

    number: int
    result: SegmentedFrame


class LiveFeed:
    """Holder of the newest finished frame. Nothing is drawn or encoded until a viewer asks, then once for all viewers
    and in a viewer's thread: :meth:`show` only swaps a reference.
    """

    def __init__(self, class_set: ClassSet, style: Style = PLAIN) -> None:
        self._class_set, self._style = class_set, style
        self._newest: Numbered | None = None
        self._encoded: tuple[int, bytes] = (0, b"")
        self._changed = threading.Condition()
        self._encoding = threading.Lock()
        self._closed = threading.Event()

    def show(self, result: SegmentedFrame) -> None:
        """Make ``result`` the newest frame. A reference is kept, so its arrays must not change afterwards."""
        with self._changed:
            self._newest = Numbered(self._newest.number + 1 if self._newest else 1, result)
            self._changed.notify_all()

    def newest(self) -> Numbered | None:
        """Newest frame, None before the first."""
        return self._newest

    def jpeg(self, after: int, timeout: float) -> tuple[int, bytes] | None:
        """Wait for a frame with a number above ``after``; returns the newest frame's number and JPEG.

        Args:
            after: number of the frame the viewer already has, 0 for none.
            timeout: seconds to wait for a newer one; then the newest is returned again.

        Returns:
            None if there is no frame yet, or the feed is closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed.is_set() or self._number() > after, timeout)
        if self._closed.is_set():
            return None
        with self._encoding:
            newest = self._newest
            if newest is None:
                return None
            if self._encoded[0] != newest.number:
                self._encoded = newest.number, encode(newest.result, self._class_set, self._style)
            return self._encoded

    def pause(self, seconds: float) -> bool:
        """Wait ``seconds``, or until :meth:`close`; whether the feed is still open."""
        return not self._closed.wait(seconds)

    @property
    def closed(self) -> bool:
        return self._closed.is_set()

    def close(self) -> None:
        """Wake all viewers and end the feed."""
        with self._changed:
            self._closed.set()
            self._changed.notify_all()

    def _number(self) -> int:
        return self._newest.number if self._newest else 0


def encode(result: SegmentedFrame, class_set: ClassSet, style: Style = PLAIN) -> bytes:
    """Encode a frame blended with its class colors as JPEG, at most 1280 pixels wide."""
    rgb, class_map = result.frame.rgb, result.class_map
    factor = -(-class_map.shape[1] // _MAX_WIDTH)
    if factor > 1:  # shrunk first, so that all later steps cost less
        rgb = np.asarray(Image.fromarray(rgb).reduce(factor))
        class_map = np.ascontiguousarray(class_map[::factor, ::factor])
    stream = io.BytesIO()
    Image.fromarray(blend(rgb, class_map, class_set, style)).save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()
