"""Source of frames from video files, through PyAV."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from ..frames import Frame
from .av_stream import AvStream, to_rgb


class VideoSource(AvStream):
    """A video file. Frames are named frame_000001 and so on."""

    kind = "video"

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def __enter__(self) -> VideoSource:
        # Absolute: FFmpeg takes "2024-05-01T12:30:00.mp4" for a protocol of that name.
        self._open(str(self._path), str(self._path.absolute()))
        return self

    def __iter__(self) -> Iterator[Frame]:
        for number, image in enumerate(self._decoded(str(self._path)), start=1):
            yield Frame(to_rgb(image, self._pool), f"frame_{number:06d}", time.monotonic(), image.time)
