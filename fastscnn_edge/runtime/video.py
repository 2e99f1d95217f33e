"""Frames from video files and V4L2 cameras, through PyAV."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from ..errors import MissingExtraError, SourceError
from .pictures import MAX_PIXELS
from .sources import Frame

_MAX_AGE = 10.0
"""Seconds. A camera's time stamp further in the past is on another clock than ours."""

_CSI_HINT = "Raspberry Pi CSI cameras go through picamera2 or rpicam, which is not built in yet"


class _Stream:
    """What a file and a camera share: a PyAV container whose first video stream is decoded frame by frame."""

    kind = ""
    moving = True

    def __init__(self) -> None:
        self.skipped = 0
        self._container: Any = None
        self._stream: Any = None

    def _open(self, what: str, url: str, container_format: str | None) -> None:
        av = _import_av(f"reading {what}")
        try:
            self._container = av.open(url, format=container_format)
        except (av.FFmpegError, OSError, ValueError) as error:  # ValueError: PyAV was built without that format
            raise SourceError(f"cannot open {what}: {_reason(error)}") from error
        streams = self._container.streams.video
        if not streams:
            self._close()
            raise SourceError(f"{what} has no video stream")
        self._stream = streams[0]
        width, height = self._stream.codec_context.width, self._stream.codec_context.height
        if width * height > MAX_PIXELS:
            self._close()
            raise SourceError(f"{what} has {width}x{height} pixels; the limit is {MAX_PIXELS // 1_000_000} megapixels")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        if self._container is not None:
            self._container.close()
        self._container = self._stream = None

    def _decoded(self, what: str) -> Iterator[Any]:
        """Decoded frames; packets that cannot be decoded are counted and passed over."""
        av = _import_av(f"reading {what}")
        produced = 0
        try:
            for packet in self._container.demux(self._stream):
                try:
                    frames = packet.decode()
                except av.error.InvalidDataError:
                    self.skipped += 1
                    continue
                produced += len(frames)
                yield from frames
        except (av.FFmpegError, OSError) as error:
            raise SourceError(f"{what} stopped after {produced} frames: {_reason(error)}") from error
        if not produced:
            raise SourceError(f"{what} contains no frame that can be decoded")


class VideoSource(_Stream):
    """A video file. Frames are named frame_000001 and so on."""

    kind = "video"

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def __enter__(self) -> VideoSource:
        self._open(str(self._path), str(self._path), None)
        return self

    def __iter__(self) -> Iterator[Frame]:
        for number, picture in enumerate(self._decoded(str(self._path)), start=1):
            yield Frame(to_rgb(picture), f"frame_{number:06d}", time.monotonic(), picture.time)


class CameraSource(_Stream):
    """Camera ``index``, that is /dev/video``index``, at the size and rate its driver is set to."""

    kind = "camera"

    def __init__(self, index: int, devices: Path = Path("/dev")) -> None:
        super().__init__()
        self._index, self._devices = index, devices

    def __enter__(self) -> CameraSource:
        device = self._devices / f"video{self._index}"
        if not device.exists():
            raise SourceError(f"no camera {self._index}: {device} does not exist; {self._available()}")
        self._open(f"camera {self._index} ({device})", str(device), "v4l2")
        return self

    def __iter__(self) -> Iterator[Frame]:
        for number, picture in enumerate(self._decoded(f"camera {self._index}"), start=1):
            yield Frame(to_rgb(picture), f"frame_{number:06d}", captured_at(picture.time, time.monotonic()))

    def _available(self) -> str:
        found = sorted((p for p in self._devices.glob("video*") if p.name[5:].isdigit()), key=lambda p: int(p.name[5:]))
        if found:
            return f"there is {', '.join(map(str, found))}"
        return f"there is no {self._devices}/video* at all (is it plugged in? {_CSI_HINT})"


def to_rgb(picture: Any) -> np.ndarray:
    """A decoded frame as upright uint8 [H, W, 3]; phones record sideways and say so."""
    rgb = picture.to_ndarray(format="rgb24")
    quarter_turns = round(getattr(picture, "rotation", 0) / 90) % 4
    return np.ascontiguousarray(np.rot90(rgb, quarter_turns)) if quarter_turns else rgb


def captured_at(stamp: float | None, now: float) -> float:
    """The driver's time stamp where it is on the monotonic clock, as V4L2 drivers should have it; else ``now``."""
    return stamp if stamp is not None and 0 <= now - stamp < _MAX_AGE else now


def _import_av(purpose: str) -> Any:
    try:
        return importlib.import_module("av")
    except ModuleNotFoundError as error:
        raise MissingExtraError("av", "camera", purpose) from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
