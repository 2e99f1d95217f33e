"""Jetson CSI cameras through GStreamer's command line and a pipe.

``nvarguscamerasrc`` is the only way to the Jetson's image processor, and it is a GStreamer element. PyGObject would
bring it into this process, along with GLib, its main loop and bindings that a virtual environment cannot install
without compilers. ``gst-launch-1.0`` is on every Jetson, and a pipe carries NV12 at 1.5 bytes a pixel. The frames do
not go through standard output, because the camera daemon's library prints there.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import IO

from ...errors import CameraLostError, SourceError
from ..frames import Frame
from .base import STALL, Camera
from .pixels.yuv import YuvDecoder
from .v4l2.modes import DEFAULT_RATE, ModeRequest

_SLICE = 0.2  # seconds of one wait, so that stop() takes effect
_START = 15.0  # seconds to wait for the first frame: the camera daemon may have to start
_PIPE_BYTES = 1 << 20


Elements = Callable[[int, int, int, float], list[str]]
"""Maps sensor index, width, height and rate to gst-launch's arguments for the pipeline up to the pipe."""


def argus_elements(index: int, width: int, height: int, rate: float) -> list[str]:
    """Arguments for the pipeline up to NV12 in ordinary memory; the image processor scales."""
    return [
        *("nvarguscamerasrc", f"sensor-id={index}", "!"),
        *(f"video/x-raw(memory:NVMM),framerate={max(1, round(rate))}/1", "!"),
        # A full queue drops its oldest frame: the camera keeps running while the reader is busy.
        *("queue", "max-size-buffers=1", "leaky=downstream", "!", "nvvidconv", "!"),
        f"video/x-raw,format=NV12,width={width},height={height}",
    ]


class JetsonCamera(Camera):
    """CSI camera ``index`` of a Jetson.

    A frame's capture time is when its last byte came out of the pipe, a little after the sensor took it.

    Args:
        index: ``sensor-id``.
        request: size and rate; the size is rounded up to multiples of four, so that rows have no padding.
        stall: seconds without a frame after which it counts as lost.
        elements: builds the arguments for the pipeline up to the pipe.
    """

    def __init__(
        self, index: int, request: ModeRequest | None = None, stall: float = STALL, elements: Elements = argus_elements
    ) -> None:
        super().__init__(stall)
        request = request or ModeRequest()
        self._index, self._elements = index, elements
        width, height = request.size or request.minimum_size
        self._size = -(-width // 4) * 4, -(-height // 4) * 4
        self._rate = request.rate or DEFAULT_RATE
        self._decoder = YuvDecoder("NV12", *self._size)
        self._frame = memoryview(bytearray(self._decoder.size))
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe = -1
        self._messages: IO[bytes] | None = None

    def __enter__(self) -> JetsonCamera:
        """Start the pipeline.

        Raises:
            SourceError: GStreamer is not installed.
        """
        program = shutil.which("gst-launch-1.0")
        if program is None:
            raise SourceError("a Jetson CSI camera needs GStreamer: sudo apt install gstreamer1.0-tools")
        width, height = self._size
        elements = self._elements(self._index, width, height, self._rate)
        theirs = -1
        try:
            self._pipe, theirs = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(self._pipe, False)
            _enlarge(self._pipe)
            self._messages = tempfile.TemporaryFile()  # not a pipe, which could fill up and block GStreamer
            self._process = subprocess.Popen(
                [program, "-q", *elements, "!", "fdsink", f"fd={theirs}", "sync=false"],
                pass_fds=(theirs,),
                stdin=subprocess.DEVNULL,
                stdout=self._messages,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C goes only to this process, which ends the pipeline after the frame
            )
        except OSError as error:
            self._close()
            raise SourceError(f"cannot start GStreamer for CSI camera {self._index}: {error.strerror}") from error
        finally:
            if theirs >= 0:
                os.close(theirs)
        self.mode = f"NV12 {width}x{height} at {self._rate:g} fps"
        return self

    def _close(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=3)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1
        if self._messages is not None:
            self._messages.close()
            self._messages = None

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames as they come out of the pipe.

        Raises:
            CameraLostError: the pipeline ended, or delivered nothing for ``stall`` seconds.
            SourceError: it ended before its first frame.
        """
        first = True
        while self._read(_START if first else self._stall):
            first = False
            taken = time.monotonic()
            rgb = self._pool.take((self._size[1], self._size[0], 3))
            self._decoder.decode(self._frame, rgb)
            yield self._next_frame(rgb, taken)

    def _read(self, patience: float) -> bool:
        """Fill the frame buffer, waiting at most ``patience`` seconds for data; False when stopped."""
        filled, last = 0, time.monotonic()
        while filled < len(self._frame):
            if self._stopped.is_set():
                return False
            readable, _, _ = select.select([self._pipe], [], [], _SLICE)
            if readable:
                got = os.readv(self._pipe, [self._frame[filled:]])
                if not got:
                    # A camera that never delivered a frame will not recover: no sensor, or a wrong number.
                    kind = CameraLostError if self._number else SourceError
                    raise kind(f"CSI camera {self._index}: the GStreamer pipeline ended: {self._said()}")
                filled, last = filled + got, time.monotonic()
            elif time.monotonic() - last > patience:
                raise CameraLostError(f"CSI camera {self._index} gave no frame for {patience:g} s: {self._said()}")
        return True

    def _said(self) -> str:
        """The pipeline's last error message."""
        assert self._messages is not None
        self._messages.seek(0)
        lines = self._messages.read().decode(errors="replace").splitlines()
        errors = [line for line in lines if "ERROR" in line or "Error" in line] or lines
        return errors[-1].strip() if errors else "it said nothing; is the sensor's ribbon cable in place?"


def _enlarge(pipe: int) -> None:
    """Enlarge the pipe's buffer for fewer, larger reads; Linux' default is 64 KiB."""
    import fcntl

    try:
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    except OSError:  # above the administrator's limit; the default works too
        return
