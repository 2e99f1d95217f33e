"""Raspberry Pi CSI cameras through picamera2, the only supported way to libcamera from Python.

The board's image processor converts and scales the sensor's raw pixels: frames arrive as RGB at the requested size, so
neither a decoder nor a resize runs on the CPU. picamera2 comes from Raspberry Pi OS
(``sudo apt install python3-picamera2``) and needs more than PyPI offers: a virtual environment must be made with
``--system-site-packages`` to see it.
"""

from __future__ import annotations

import concurrent.futures
import importlib
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...errors import CameraLostError, SourceError
from ..frames import Frame
from .base import STALL, Camera, plausible_timestamp
from .v4l2.modes import DEFAULT_RATE, ModeRequest

_SLICE = 0.5  # seconds of one wait, so that stop() takes effect

MISSING = (
    "a Raspberry Pi CSI camera needs picamera2: sudo apt install python3-picamera2, and a virtual environment made "
    "with --system-site-packages"
)


class PiCamera(Camera):
    """CSI camera ``index`` of a Raspberry Pi.

    Args:
        index: number of the camera in ``rpicam-hello --list-cameras``.
        request: size and rate; the format is always RGB.
        stall: seconds without a frame after which it counts as lost.
    """

    def __init__(self, index: int, request: ModeRequest | None = None, stall: float = STALL) -> None:
        super().__init__(stall)
        self._index, self._request = index, request or ModeRequest()
        self._camera: Any = None
        self._mapped: Any = None

    def __enter__(self) -> PiCamera:
        """Open and start the camera.

        Raises:
            SourceError: no picamera2, no such camera, or it is in use.
        """
        library = import_picamera2()
        count = len(library.Picamera2.global_camera_info())
        if self._index >= count:
            raise SourceError(
                f"no CSI camera {self._index}: libcamera sees {count}; check the ribbon cable and camera_auto_detect=1 "
                "in /boot/firmware/config.txt"
            )
        self._mapped = library.MappedArray
        width, height = self._request.size or self._request.minimum_size
        rate = self._request.rate or DEFAULT_RATE
        try:
            self._camera = library.Picamera2(self._index)
            configuration = self._camera.create_video_configuration(
                # picamera2 names formats by their order in a register: "BGR888" is R, G, B in memory.
                main={"size": (width, height), "format": "BGR888"},
                controls={"FrameRate": rate},
                buffer_count=4,
            )
            self._camera.configure(configuration)
            self._camera.start()
        except (RuntimeError, OSError) as error:
            self._close()
            hint = "is another program using it?"
            raise SourceError(f"cannot open CSI camera {self._index}: {error}; {hint}") from error
        self.mode = f"RGB {width}x{height} at {rate:g} fps"
        return self

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames at the sensor's rate; libcamera keeps the newest and drops the others uncounted.

        Raises:
            CameraLostError: no frame for ``stall`` seconds.
        """
        last = time.monotonic()
        job = self._camera.capture_request(wait=False)
        while not self._stopped.is_set():
            try:
                request = self._camera.wait(job, timeout=_SLICE)
            except (TimeoutError, concurrent.futures.TimeoutError):  # two classes before Python 3.11
                if time.monotonic() - last > self._stall:
                    raise CameraLostError(f"CSI camera {self._index} gave no frame for {self._stall:g} s") from None
                continue
            last = time.monotonic()
            try:
                rgb = self._copy(request)
                taken = monotonic_of(request.get_metadata().get("SensorTimestamp"))
            finally:
                request.release()
            job = self._camera.capture_request(wait=False)
            yield self._next_frame(rgb, plausible_timestamp(taken, time.monotonic()))

    def _copy(self, request: Any) -> np.ndarray:
        with self._mapped(request, "main") as mapped:
            out = self._pool.take(mapped.array.shape)
            np.copyto(out, mapped.array)
        return out

    def _close(self) -> None:
        camera, self._camera = self._camera, None
        if camera is not None:
            camera.close()


def import_picamera2() -> Any:
    """Import the library, or raise an error that says how to install it or why it does not load."""
    try:
        return importlib.import_module("picamera2")
    except (ImportError, AttributeError, ValueError) as error:
        # ValueError: apt's compiled parts were built for another numpy than this environment has.
        absent = isinstance(error, ModuleNotFoundError) and error.name == "picamera2"
        raise SourceError(MISSING if absent else f"picamera2 does not load ({error}); {MISSING}") from error


def monotonic_of(stamp: int | None) -> float | None:
    """Convert libcamera's time stamp, nanoseconds since boot including suspends, to ``time.monotonic()`` seconds."""
    if stamp is None:
        return None
    suspended = time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()
    return stamp / 1e9 - suspended
