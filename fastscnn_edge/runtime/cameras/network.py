"""Network cameras: ``rtsp://`` and ``http://`` streams, read with PyAV."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ...errors import CameraLostError, SourceError
from ...urls import without_password
from ..frame_pool import LIVE_FRAMES, FramePool
from ..frames import Frame
from ..sources.av_stream import AvStream, to_rgb

_OPEN_TIMEOUT = 10.0
"""Seconds a network camera may take to answer; many start an encoder first."""


class NetworkSource(AvStream):
    """A camera behind ``rtsp://`` or ``http://``.

    A frame's capture time is its arrival: encoding and network delay are unknown here. RTSP uses TCP if the camera can,
    since lost UDP packets smear the image until the next key frame.

    Args:
        url: includes user and password if the camera needs them; they are left out of messages.
        stall: seconds without a packet after which the camera counts as lost.
    """

    kind = "camera"
    live = True

    def __init__(self, url: str, stall: float = 5.0) -> None:
        super().__init__()
        self._url, self._stall = url, stall
        self._number = 0
        self._stopped = False
        self._pool = FramePool(preallocate=LIVE_FRAMES)
        self._what = f"camera {without_password(url)}"

    def __enter__(self) -> NetworkSource:
        # FFmpeg opens as soon as it knows the format, without measuring the rate over a second of packets. The packets
        # it probed are kept: fflags=nobuffer would discard the first key frame and show nothing until the next one.
        options = {"fpsprobesize": "0", "flags": "low_delay"}
        if self._url.startswith("rtsp"):
            # UDP only where the camera refuses TCP.
            options["rtsp_flags"] = "prefer_tcp"
        self._open(self._what, self._url, options=options, timeout=(_OPEN_TIMEOUT, self._stall))
        context = self._stream.codec_context
        self.mode = f"{context.name} {context.width}x{context.height}"
        return self

    def stop(self) -> None:
        self._stopped = True

    def __iter__(self) -> Iterator[Frame]:
        try:
            for image in self._decoded(self._what):
                if self._stopped:
                    return
                self._number += 1
                yield Frame(to_rgb(image, self._pool), f"frame_{self._number:06d}", time.monotonic())
        except SourceError as error:
            raise CameraLostError(str(error)) from error
        if not self._stopped:
            raise CameraLostError(f"{self._what} ended its stream")
