"""Shared part of video files and network streams: a PyAV container, decoded frame by frame."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...errors import MissingExtraError, SourceError
from ..frame_pool import FramePool
from ..images import MAX_PIXELS
from .base import SourceState


class AvStream(SourceState):
    """Base of file and network sources: a PyAV container whose first video stream is decoded in order."""

    moving = True

    def __init__(self) -> None:
        super().__init__()
        self._container: Any = None
        self._stream: Any = None
        self._pool = FramePool()

    def _open(self, what: str, url: str, **options: Any) -> None:
        av = import_av(f"reading {what}")
        try:
            self._container = av.open(url, **options)
        except (av.FFmpegError, OSError, ValueError) as error:  # ValueError: PyAV was built without this format
            raise SourceError(f"cannot open {what}: {failure_reason(error)}") from error
        streams = self._container.streams.video
        if not streams:
            self._close()
            raise SourceError(f"{what} has no video stream")
        self._stream = streams[0]
        if self._stream.codec_context is None:
            self._close()
            raise SourceError(f"{what} is encoded by a codec that this FFmpeg does not decode; convert it to H.264")
        width, height = self._stream.codec_context.width, self._stream.codec_context.height
        if width * height > MAX_PIXELS:
            self._close()
            raise SourceError(f"{what} has {width}x{height} pixels; the limit is {MAX_PIXELS // 1_000_000} megapixels")

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the frames; only while the source is entered."""
        context = self._stream.codec_context
        return context.height, context.width

    def _close(self) -> None:
        if self._container is not None:
            self._container.close()
        self._container = self._stream = None

    def _decoded(self, what: str) -> Iterator[Any]:
        """Yield decoded frames; packets that cannot be decoded are counted and skipped."""
        av = import_av(f"reading {what}")
        produced = 0
        try:
            for packet in self._container.demux(self._stream):
                try:
                    frames = packet.decode()
                except av.error.InvalidDataError:
                    self.skipped += 1
                    continue
                for frame in frames:
                    if frame.is_corrupt:  # FFmpeg has made up what was missing
                        self.skipped += 1
                        continue
                    produced += 1
                    yield frame
        except (av.FFmpegError, OSError) as error:
            raise SourceError(f"{what} stopped after {produced} frames: {failure_reason(error)}") from error
        if not produced:
            raise SourceError(f"{what} contains no frame that can be decoded")


def to_rgb(image: Any, pool: FramePool) -> np.ndarray:
    """Convert a decoded frame to upright RGB, uint8 [H, W, 3], from ``pool``; phone videos carry a rotation."""
    converted = image.reformat(format="rgb24")
    plane = converted.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: converted.height]
    rgb = rows[:, : converted.width * 3].reshape(converted.height, converted.width, 3)
    turned = np.rot90(rgb, round(getattr(image, "rotation", 0) / 90) % 4)
    out = pool.take(turned.shape)
    np.copyto(out, turned)
    return out


def import_av(purpose: str) -> Any:
    try:
        return importlib.import_module("av")
    except ModuleNotFoundError as error:
        raise MissingExtraError("av", "camera", purpose) from error


def failure_reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
