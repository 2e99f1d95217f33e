"""Frames from video files and network streams, through PyAV."""

from __future__ import annotations

import importlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import CameraLostError, MissingExtraError, SourceError
from ..frame_pool import LIVE_FRAMES, FramePool
from ..images import MAX_PIXELS
from .base import Frame, SourceState

_OPEN_TIMEOUT = 10.0
"""Seconds that a network camera may take to answer; many wake an encoder first."""

_SECRET = re.compile(r"(?<![a-z])((?:pass|passwd|password|pwd|token|auth|key)=)[^&/?;]*", re.IGNORECASE)
"""Many cameras take their password as a parameter: ``/user=admin&password=123&channel=1``."""


class _Stream(SourceState):
    """What a file and a network stream share: a PyAV container whose first video stream is decoded in order."""

    moving = True

    def __init__(self) -> None:
        super().__init__()
        self._container: Any = None
        self._stream: Any = None
        self._pool = FramePool()

    def _open(self, what: str, url: str, **options: Any) -> None:
        av = _import_av(f"reading {what}")
        try:
            self._container = av.open(url, **options)
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
        self._open(str(self._path), str(self._path))
        return self

    def __iter__(self) -> Iterator[Frame]:
        for number, picture in enumerate(self._decoded(str(self._path)), start=1):
            yield Frame(to_rgb(picture, self._pool), f"frame_{number:06d}", time.monotonic(), picture.time)


class NetworkSource(_Stream):
    """A camera behind ``rtsp://`` or ``http://``.

    Its frames bear the time of their arrival: what encoding and the network took is not known here. RTSP goes over
    TCP, since lost UDP packets smear the picture until the next key frame.

    Args:
        url: with user and password if the camera wants them; they are left out of messages.
        stall: seconds without a packet after which the camera counts as lost.
    """

    kind = "camera"
    live = True

    def __init__(self, url: str, stall: float = 5.0) -> None:
        super().__init__()
        self._url, self._stall = url, stall
        self._number = 0
        self._stopped = False
        self._pool = FramePool(ready=LIVE_FRAMES)
        self._what = f"camera {without_password(url)}"

    def __enter__(self) -> NetworkSource:
        # FFmpeg opens when it knows the format, without measuring the rate over a second of packets. What it looked at
        # is kept: fflags=nobuffer would throw away the first key frame, and show nothing until the next one.
        options = {"fpsprobesize": "0", "flags": "low_delay"}
        if self._url.startswith("rtsp"):
            options["rtsp_transport"] = "tcp"
        self._open(self._what, self._url, options=options, timeout=(_OPEN_TIMEOUT, self._stall))
        context = self._stream.codec_context
        self.mode = f"{context.name} {context.width}x{context.height}"
        return self

    def stop(self) -> None:
        self._stopped = True

    def __iter__(self) -> Iterator[Frame]:
        try:
            for picture in self._decoded(self._what):
                if self._stopped:
                    return
                self._number += 1
                yield Frame(to_rgb(picture, self._pool), f"frame_{self._number:06d}", time.monotonic())
        except SourceError as error:
            raise CameraLostError(str(error)) from error
        if not self._stopped:
            raise CameraLostError(f"{self._what} ended its stream")


def to_rgb(picture: Any, pool: FramePool) -> np.ndarray:
    """A decoded frame as upright uint8 [H, W, 3] from ``pool``; phones record sideways and say so."""
    converted = picture.reformat(format="rgb24")
    plane = converted.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: converted.height]
    rgb = rows[:, : converted.width * 3].reshape(converted.height, converted.width, 3)
    turned = np.rot90(rgb, round(getattr(picture, "rotation", 0) / 90) % 4)
    out = pool.take(turned.shape)
    np.copyto(out, turned)
    return out


def without_password(url: str) -> str:
    """``url`` without what stands before an @ in its host, and without what is named like a secret behind it.

    Any other text as it is.
    """
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return scheme + mark + _SECRET.sub(r"\1***", host.rpartition("@")[2] + slash + path) if mark else url


def _import_av(purpose: str) -> Any:
    try:
        return importlib.import_module("av")
    except ModuleNotFoundError as error:
        raise MissingExtraError("av", "camera", purpose) from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
