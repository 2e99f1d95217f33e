"""Sink that writes the overlays of a run as one MP4, through PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import OutputError
from ...files import atomic_path
from ...spec import ClassSet
from ..frames import Frame, SegmentedFrame
from ..sources.av_stream import import_av
from .overlay import overlay
from .style import PLAIN, Style

_CODECS = (("libx264", {"preset": "veryfast", "crf": "23"}, 16384), ("mpeg4", {"qscale": "4"}, 8190))
"""Codecs in order of preference, since PyAV may lack one, and the longest side that each takes.

H.264 plays in browsers, MPEG-4 part 2 in video players."""

_TICKS = 1000
"""Time stamp units per second: milliseconds, which both codecs and MP4 support."""

_NOMINAL_RATE = 30
"""Frame rate for which encoders plan their bit rate; the time stamps say when frames are really shown."""

_STILL_SECONDS = 1.0
"""Seconds for which a still image is shown."""


class VideoWriter:
    """Sink that encodes overlays with their legend.

    Frames keep their own times: position in the source video, or capture time of a camera, so that a dropped frame
    makes a pause and not a jump. Still images last a second each. The file appears under its name when it is closed,
    complete, and not at all if there was no frame.

    Args:
        path: the .mp4.
        class_set: names and colors.
        moving: frames come from a video or camera rather than still images.
        style: looks of the overlays.

    Raises:
        MissingExtraError: PyAV is not installed.
        OutputError: the file cannot be written, or a frame has another size than the first.
    """

    def __init__(self, path: Path, class_set: ClassSet, moving: bool, style: Style = PLAIN) -> None:
        self._av = import_av(f"writing {path}")
        self._path, self._class_set, self._moving, self._style = path, class_set, moving, style
        self._resources = ExitStack()
        self._container: Any = None
        self._stream: Any = None
        self._size = (0, 0)
        self._first: float | None = None
        self._last_tick = -1
        self._frames = 0

    def write(self, result: SegmentedFrame) -> None:
        """Encode the overlay of ``result``."""
        frame, class_map = result.frame, result.class_map
        height, width = class_map.shape
        if self._container is not None and self._size != (height, width):
            raise OutputError(
                f"{self._path} has frames of {self._size[1]}x{self._size[0]}, but {frame.name} is {width}x{height}; "
                "--video needs frames of one size"
            )
        image = np.asarray(overlay(frame.rgb, class_map, self._class_set, False, self._style))
        # Chroma is stored at half the resolution, so sides must be even.
        image = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
        if self._container is None:
            self._open(image.shape[1], image.shape[0])
            self._size = (height, width)
        encoded = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        encoded.pts, encoded.time_base = self._tick(frame), Fraction(1, _TICKS)
        self._mux(encoded)
        self._frames += 1

    def close(self) -> None:
        """Publish the file; do nothing if there was no frame or encoding has failed."""
        if self._container is None:
            return
        self._mux(None)
        with self._failures():
            self._container.close()
        self._container = None
        self._resources.close()

    def discard(self) -> None:
        """Publish the frames before the refused one, which are complete, unless encoding itself has failed."""
        with suppress(OutputError):
            self.close()

    def _open(self, width: int, height: int) -> None:
        codec, options, longest = next(each for each in _CODECS if each[0] in self._av.codecs_available)
        if not 2 <= min(width, height) <= max(width, height) <= longest:
            raise OutputError(
                f"cannot write {self._path}: a video has sides of 2 to {longest} pixels, and with its legend this is "
                f"{width}x{height}; make it smaller with --max-size, or leave --video out"
            )
        temporary = self._resources.enter_context(atomic_path(self._path))
        with self._failures():
            self._container = self._av.open(str(temporary), "w", format="mp4")
            self._stream = self._container.add_stream(codec, rate=_NOMINAL_RATE, options=options)
            self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
            self._stream.codec_context.time_base = Fraction(1, _TICKS)

    def _tick(self, frame: Frame) -> int:
        if not self._moving:
            seconds = self._frames * _STILL_SECONDS
        else:
            seconds = frame.captured_at if frame.at is None else frame.at
        if self._first is None:
            self._first = seconds
        # Time stamps must increase even if two frames share a millisecond or the clock stood still.
        self._last_tick = max(self._last_tick + 1, round((seconds - self._first) * _TICKS))
        return self._last_tick

    def _mux(self, frame: Any) -> None:
        with self._failures():
            self._container.mux(self._stream.encode(frame))

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Convert the library's errors to OutputError, and remove the broken file."""
        try:
            yield
        except (self._av.FFmpegError, OSError) as error:
            failure = OutputError(f"cannot write {self._path}: {getattr(error, 'strerror', None) or error}")
            self._container = None
            with suppress(OutputError):  # atomic_path removes its file and passes the error on
                self._resources.__exit__(OutputError, failure, None)
            raise failure from error
