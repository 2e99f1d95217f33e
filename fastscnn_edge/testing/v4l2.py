"""Fake V4L2 camera below the system calls, with faults on request, for the tests of this package and of its users.

    camera = FakeCamera([Mode("YUYV", 640, 480, (30.0,))], [yuyv], {100: Fault.UNPLUGGED})
    V4L2Camera(Path("/dev/video0"), open_device=camera.open)

It answers requests as drivers do, including error numbers, in any of the struct layouts of
:mod:`fastscnn_edge.runtime.cameras.v4l2.abi`.
"""

from __future__ import annotations

import enum
import errno
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..runtime.cameras.v4l2 import abi
from ..runtime.cameras.v4l2.modes import Mode

_BYTES_OF_ROW = {
    "YUYV": 2,
    "UYVY": 2,
    **dict.fromkeys(("NV12", "NV21", "YU12", "YV12", "GREY"), 1),
    **dict.fromkeys(("RGB3", "BGR3"), 3),
    "Y16": 2,
}
"""Bytes of a pixel in a row of the first plane, of formats that have rows."""


class Fault(enum.Enum):
    """Fault of one frame."""

    UNPLUGGED = "the device is gone for a while"
    STALLED = "no frame comes for a while"
    SHORT = "half of its bytes arrive"
    CORRUPT = "its second half is zeros"
    MARKED = "the driver flags it as damaged"
    LOST = "the driver had no buffer for it, and counts on"
    CLOCK_FORWARD = "its time stamp is an hour ahead"
    CLOCK_BACK = "its time stamp is an hour old"


class FakeCamera:
    """The camera's hardware, whose state outlives a program's open device.

    Args:
        modes: supported modes.
        frames: content of the frames in the chosen format, delivered cyclically.
        faults: frame number, counted from 0 over the camera's life -> fault.
        away: duration of an unplugging or a stall in seconds.
        pace: seconds between frames; 0 delivers as fast as they are taken.
        layout: struct layout it understands; None for this machine's first.
        padding: bytes after each row.
        capabilities: capability flags of its node.
    """

    def __init__(
        self,
        modes: Sequence[Mode],
        frames: Sequence[bytes],
        faults: Mapping[int, Fault] | None = None,
        away: float = 0.3,
        pace: float = 0.0,
        layout: abi.Layout | None = None,
        padding: int = 0,
        capabilities: int = abi.CAP_VIDEO_CAPTURE | abi.CAP_STREAMING,
    ) -> None:
        self.modes, self.frames, self.faults = modes, frames, dict(faults or {})
        self.away, self.pace, self.padding, self.capabilities = away, pace, padding, capabilities
        self.layout = layout or abi.layouts()[0]
        self.number = 0  # number of the next frame
        self.opened = self.closed = 0
        self.absent_until = 0.0
        self.due = 0.0

    def open(self, path: Path) -> FakeDevice:
        """Open the device as ``open(2)`` would."""
        if time.monotonic() < self.absent_until:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        self.opened += 1
        return FakeDevice(path, self)


class FakeDevice:
    """One open device of a :class:`FakeCamera`."""

    def __init__(self, path: Path, camera: FakeCamera) -> None:
        self.path, self._camera = path, camera
        self._memory: list[bytearray] = []
        self._queued: deque[int] = deque()
        self._ready = 0
        self._stalled_until = 0.0
        self._mode = camera.modes[0]
        self._rate = (30, 1)
        self.streaming = self._gone = False
        layout = camera.layout
        self._answers = {
            abi.QUERYCAP: self._capability,
            abi.ENUM_FMT: self._format,
            abi.ENUM_FRAMESIZES: self._size,
            abi.ENUM_FRAMEINTERVALS: self._interval,
            layout.s_fmt: self._set_format,
            abi.G_PARM: self._parameters,
            abi.S_PARM: self._set_parameters,
            abi.REQBUFS: self._buffers,
            layout.querybuf: self._describe,
            layout.qbuf: self._queue,
            layout.dqbuf: self._dequeue,
            abi.STREAMON: self._stream,
            abi.STREAMOFF: self._stream,
        }

    def ioctl(self, request: int, argument: bytearray) -> None:
        if self._gone:
            raise OSError(errno.ENODEV, "No such device")
        if request not in self._answers:
            raise OSError(errno.ENOTTY, "Inappropriate ioctl for device")
        self._answers[request](argument)

    def map(self, length: int, offset: int) -> memoryview:
        return memoryview(self._memory[offset // length])

    def wait(self, seconds: float) -> bool:
        camera, now = self._camera, time.monotonic()
        fault = camera.faults.get(camera.number)
        if fault is Fault.UNPLUGGED:
            del camera.faults[camera.number]
            camera.absent_until, self._gone = now + camera.away, True
        if self._gone:
            raise OSError(errno.ENODEV, "No such device")
        if fault is Fault.STALLED:
            del camera.faults[camera.number]
            self._stalled_until = now + camera.away
        ready_at = max(camera.due, self._stalled_until)
        if ready_at - now > seconds or not self._queued:
            time.sleep(seconds)
            return False
        time.sleep(max(0.0, ready_at - now))
        camera.due = max(now, camera.due) + camera.pace
        self._ready = 1
        return True

    def close(self) -> None:
        self._camera.closed += 1

    def _capability(self, argument: bytearray) -> None:
        flags = self._camera.capabilities
        values = (b"fake", b"Fake Camera", b"usb-0000:00:14.0-1", 0x060600, flags | abi.CAP_DEVICE_CAPS, flags)
        argument[:] = abi.CAPABILITY.pack(*values)

    def _format(self, argument: bytearray) -> None:
        names = list(dict.fromkeys(mode.format for mode in self._camera.modes))
        index = abi.FMTDESC.unpack(argument)[0]
        name = _entry(names, index)
        argument[:] = abi.FMTDESC.pack(index, abi.BUFFER_TYPE_CAPTURE, 0, name.encode(), abi.fourcc(name), 0)

    def _size(self, argument: bytearray) -> None:
        index, number, *_ = abi.FRMSIZEENUM.unpack(argument)
        mode = _entry([m for m in self._camera.modes if abi.fourcc(m.format) == number], index)
        argument[:] = abi.FRMSIZEENUM.pack(index, number, abi.SIZE_DISCRETE, mode.width, mode.height, 0, 0, 0, 0)

    def _interval(self, argument: bytearray) -> None:
        index, number, width, height, *_ = abi.FRMIVALENUM.unpack(argument)
        wanted = (number, width, height)
        modes = [m for m in self._camera.modes if (abi.fourcc(m.format), m.width, m.height) == wanted]
        rate = round(1000 * _entry([rate for mode in modes for rate in mode.rates], index))
        argument[:] = abi.FRMIVALENUM.pack(index, *wanted, abi.SIZE_DISCRETE, 1000, rate, 0, 0, 0, 0)

    def _set_format(self, argument: bytearray) -> None:
        asked = self._camera.layout.unpack_format(argument)
        self._mode = next(
            (m for m in self._camera.modes if (m.width, m.height, abi.fourcc(m.format)) == asked[:3]), self._mode
        )
        mode = self._mode
        row = _BYTES_OF_ROW.get(mode.format, 0) * mode.width
        stride = row + self._camera.padding if row else 0
        size = max(map(len, self._camera.frames))
        values = (mode.width, mode.height, abi.fourcc(mode.format), 1, stride, size, 8, 0, 0, 0, 0, 0)
        abi.PIX_FORMAT.pack_into(argument, self._camera.layout.format_union, *values)

    def _parameters(self, argument: bytearray) -> None:
        above, below = self._rate[1], self._rate[0]
        fields = (abi.BUFFER_TYPE_CAPTURE, abi.CAP_TIMEPERFRAME, 0, above, below, 0, 4)
        argument[:] = abi.STREAMPARM.pack(*fields)

    def _set_parameters(self, argument: bytearray) -> None:
        above, below = abi.STREAMPARM.unpack(argument)[3:5]
        nearest = min(self._mode.rates or (30.0,), key=lambda rate: abs(rate - below / above))
        self._rate = (round(nearest * 1000), 1000)
        self._parameters(argument)

    def _buffers(self, argument: bytearray) -> None:
        count, *rest = abi.REQUESTBUFFERS.unpack(argument)
        self._memory = [bytearray(max(map(len, self._camera.frames))) for _ in range(count)]
        argument[:] = abi.REQUESTBUFFERS.pack(count, *rest)

    def _describe(self, argument: bytearray) -> None:
        index = self._camera.layout.unpack_buffer(argument).slot
        length = len(_entry(self._memory, index))
        self._answer_buffer(argument, index, offset=index * length, length=length)

    def _queue(self, argument: bytearray) -> None:
        self._queued.append(self._camera.layout.unpack_buffer(argument).slot)

    def _dequeue(self, argument: bytearray) -> None:
        camera = self._camera
        if not self._ready or not self._queued:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        self._ready -= 1
        fault = camera.faults.get(camera.number)
        if fault is Fault.LOST:
            camera.number += 1
        data = camera.frames[camera.number % len(camera.frames)]
        index, used, stamp = self._queued.popleft(), len(data), time.monotonic()
        memory = memoryview(self._memory[index])  # assigning to a slice of the bytearray would copy data first
        memory[:used] = data
        if fault is Fault.SHORT:
            used //= 2
        elif fault is Fault.CORRUPT:
            memory[used // 2 : used] = bytes(used - used // 2)
        elif fault in (Fault.CLOCK_FORWARD, Fault.CLOCK_BACK):
            stamp += 3600 if fault is Fault.CLOCK_FORWARD else -3600
        flags = abi.FLAG_TIMESTAMP_MONOTONIC | (abi.FLAG_ERROR if fault is Fault.MARKED else 0)
        self._answer_buffer(argument, index, used, flags, stamp, camera.number)
        camera.number += 1

    def _answer_buffer(
        self,
        argument: bytearray,
        index: int,
        used: int = 0,
        flags: int = 0,
        stamp: float = 0.0,
        sequence: int = 0,
        offset: int = 0,
        length: int = 0,
    ) -> None:
        seconds, micros = int(max(stamp, 0)), int(max(stamp, 0) % 1 * 1e6)
        fields = (used, flags, 1, seconds, micros, b"", sequence, abi.MEMORY_MMAP, offset, length, 0, 0)
        argument[:] = self._camera.layout.buffer.pack(index, abi.BUFFER_TYPE_CAPTURE, *fields)

    def _stream(self, argument: bytearray) -> None:
        self.streaming = not self.streaming


def _entry(values: Sequence, index: int):  # type: ignore[no-untyped-def, type-arg]
    if index >= len(values):
        raise OSError(errno.EINVAL, "Invalid argument")
    return values[index]
