"""USB and other V4L2 cameras, through system calls: no library between kernel buffers and frames (decision 0023)."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from ....errors import CameraLostError, SourceError
from ....log import Warn, warn_on_stderr
from ...frames import Frame
from ..base import STALL, Camera, plausible_timestamp
from ..pixels.jpeg import CorruptFrameError, decode_jpeg, reduction
from ..pixels.packed import BYTES, copy_packed
from ..pixels.yuv import BT601, BT709, Matrix, YuvDecoder
from . import abi
from .device import Capability, Device, KernelDevice, failure, query
from .modes import DEFAULT_RATE, Mode, ModeRequest, choose, read_formats

_BUFFERS = 4
_SLICE = 0.2  # seconds of one wait, so that stop() takes effect

Decode = Callable[[memoryview], np.ndarray]


class V4L2Camera(Camera):
    """A camera at /dev/videoN.

    If several frames are ready, the newest is delivered and the others are counted in ``dropped``, like those for
    which the driver had no buffer.

    Args:
        path: device node.
        request: size, rate and format.
        stall: seconds without a whole frame after which it counts as lost.
        open_device: opens the device node; tests pass a fake driver.
        warn: receives one line if the driver sets another mode than requested.
    """

    def __init__(
        self,
        path: Path,
        request: ModeRequest | None = None,
        stall: float = STALL,
        open_device: Callable[[Path], Device] = KernelDevice,
        warn: Warn = warn_on_stderr,
    ) -> None:
        super().__init__(stall)
        self._path, self._request = path, request or ModeRequest()
        self._open_device, self._warn = open_device, warn
        self._device: Device | None = None
        self._identity: tuple[str, str] | None = None
        self._layout = abi.layouts()[0]
        self._memory: list[memoryview] = []
        self._decode: Decode | None = None
        self._sequence: int | None = None

    def __enter__(self) -> V4L2Camera:
        """Open, choose a mode, start streaming.

        Raises:
            SourceError: absent, busy, forbidden, no camera, or without the requested mode.
        """
        doing = "opening it"
        try:
            self._device, capability = self._open()
            if not capability.captures:
                raise SourceError(f"{self._path} ({capability.card}) cannot be used: {capability.obstacle}")
            self._identity = capability.card, capability.bus
            doing = "reading its modes"
            mode = choose(read_formats(self._device), self._request, f"camera {self._path} ({capability.card})")
            doing = f"setting {mode}"
            format_ = self._set_format(self._device, mode)
            rate = self._set_rate(self._device, mode)
            doing = f"starting {mode}"
            self._start(self._device)
        except OSError as error:
            self._close()
            raise failure(doing, self._path, error) from error
        except SourceError:
            self._close()
            raise
        self.mode = f"{mode.format} {format_.width}x{format_.height}" + (f" at {rate:g} fps" if rate else "")
        return self

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames, the newest each time.

        Raises:
            CameraLostError: unplugged, or no whole frame for ``stall`` seconds.
        """
        device, decode = self._device, self._decode
        assert device is not None and decode is not None, "enter the camera first"
        self._sequence = None
        last_whole = time.monotonic()
        try:
            for stale in self._ready(device):  # filled before the first frame was asked for
                self._queue(device, stale.slot)
            while not self._stopped.is_set():
                frame = self._next(device, decode)
                if frame is not None:
                    yield frame
                    last_whole = time.monotonic()
                elif time.monotonic() - last_whole > self._stall:
                    raise CameraLostError(f"camera {self._path} gave no whole frame for {self._stall:g} s")
        except OSError as error:
            raise failure("waiting for a frame", self._path, error) from error

    def _next(self, device: Device, decode: Decode) -> Frame | None:
        """Read the newest frame; None if none arrived within :data:`_SLICE` or it is damaged."""
        if not device.wait(_SLICE):
            return None
        newest: abi.Buffer | None = None
        for buffer in self._ready(device):
            if newest is not None:
                self._queue(device, newest.slot)
                self.dropped += 1
            newest = buffer
            if self._sequence is not None:
                self.dropped += max(0, buffer.sequence - self._sequence - 1)
            self._sequence = buffer.sequence
        if newest is None:
            return None
        try:
            if newest.flags & abi.FLAG_ERROR:
                raise CorruptFrameError("the driver marked it as damaged")
            rgb = decode(self._memory[newest.slot][: newest.bytesused])
        except ValueError:  # damaged or short
            self.skipped += 1
            return None
        finally:
            self._queue(device, newest.slot)
        monotonic = newest.flags & abi.FLAG_TIMESTAMP_MASK == abi.FLAG_TIMESTAMP_MONOTONIC
        taken = plausible_timestamp(newest.timestamp if monotonic else None, time.monotonic())
        return self._next_frame(rgb, taken)

    def _ready(self, device: Device) -> Iterator[abi.Buffer]:
        """Yield the buffers the driver has filled, oldest first; at most one round, however fast it refills them."""
        for _ in self._memory:
            request = self._layout.pack_buffer()
            try:
                device.ioctl(self._layout.dqbuf, request)
            except BlockingIOError:
                return
            yield self._layout.unpack_buffer(request)

    def _queue(self, device: Device, index: int) -> None:
        device.ioctl(self._layout.qbuf, self._layout.pack_buffer(index))

    def _open(self) -> tuple[Device, Capability]:
        """Open the device node; after an unplugging, also under a new number that the same camera may have."""
        candidates = [self._path]
        if self._identity is not None:
            candidates += [path for path in device_nodes(self._path.parent) if path != self._path]
        first: OSError | None = None
        for path in candidates:
            try:
                device = self._open_device(path)
            except OSError as error:
                first = first or error
                continue
            try:
                capability = query(device)
            except OSError as error:
                device.close()
                first = first or error
                continue
            if self._identity in (None, (capability.card, capability.bus)) and (
                capability.captures or self._identity is None
            ):
                self._path = path
                return device, capability
            device.close()
        raise first or OSError(errno.ENODEV, "another camera has taken its place")

    def _set_format(self, device: Device, mode: Mode) -> abi.PixFormat:
        request = bytearray()
        for layout in abi.layouts():
            self._layout = layout
            request = layout.pack_format(mode.width, mode.height, abi.fourcc(mode.format))
            device.ioctl(layout.s_fmt, request)
            if self._knows_buffers(device, layout):
                break
        got = self._layout.unpack_format(request)
        if got.fourcc != abi.fourcc(mode.format):
            raise SourceError(f"camera {self._path} gives {abi.fourcc_name(got.fourcc)} when asked for {mode.format}")
        if self._request.size and (got.width, got.height) != self._request.size:
            raise SourceError(f"camera {self._path} gives {got.width}x{got.height} when asked for {mode}")
        self._decode = self._decoder(mode.format, got)
        return got

    def _knows_buffers(self, device: Device, layout: abi.Layout) -> bool:
        """Whether the kernel knows this form of ``v4l2_buffer``; asks for a buffer that does not exist yet."""
        try:
            device.ioctl(layout.querybuf, layout.pack_buffer())
        except OSError as error:
            return error.errno != errno.ENOTTY
        return True

    def _decoder(self, name: str, got: abi.PixFormat) -> Decode:
        """Choose the function that converts a frame's bytes to RGB."""
        minimum_size = None if self._request.size else self._request.minimum_size
        if name in ("MJPG", "JPEG"):
            return lambda data: decode_jpeg(data, self._pool, minimum_size)
        size = got.width, got.height
        if name in BYTES:
            shape, stride = (got.height, got.width, 3), got.stride or got.width * BYTES[name]
            if name == "Y16":
                self._warn(f"camera {self._path} gives 16-bit gray: 0 is taken as black and 65535 as white")
            return lambda data: copy_packed(name, data, self._pool.take(shape), stride)
        try:
            yuv = YuvDecoder(name, *size, got.stride, matrix_of(got), reduction(size, minimum_size, whole=True))
        except ValueError as error:
            raise SourceError(f"camera {self._path}: {error}; choose another --camera-size") from error

        def decode(data: memoryview) -> np.ndarray:
            out = self._pool.take(yuv.shape)
            yuv.decode(data, out)
            return out

        return decode

    def _set_rate(self, device: Device, mode: Mode) -> float | None:
        """Set the rate; returns the driver's actual frames per second, None if it does not report them."""
        request = bytearray(abi.STREAMPARM.pack(abi.BUFFER_TYPE_CAPTURE, 0, 0, 0, 0, 0, 0))
        try:
            device.ioctl(abi.G_PARM, request)
            can_set = abi.STREAMPARM.unpack(request)[1] & abi.CAP_TIMEPERFRAME
            if can_set:
                rate = Fraction(mode.reach(self._request.rate or DEFAULT_RATE)).limit_denominator(1001)
                fields = (abi.BUFFER_TYPE_CAPTURE, 0, 0, rate.denominator, rate.numerator, 0, 0)
                request = bytearray(abi.STREAMPARM.pack(*fields))
                device.ioctl(abi.S_PARM, request)
        except OSError as error:
            if error.errno not in (errno.ENOTTY, errno.EINVAL):
                raise
            return None  # a driver with a fixed rate need not support the request
        above, below = abi.STREAMPARM.unpack(request)[3:5]
        got = below / above if above and below else None
        asked = self._request.rate
        if asked and got and abs(got - asked) > 0.02 * asked:
            self._warn(f"camera {self._path} gives {got:g} frames per second when asked for {asked:g}")
        return got

    def _start(self, device: Device) -> None:
        request = bytearray(abi.REQUESTBUFFERS.pack(_BUFFERS, abi.BUFFER_TYPE_CAPTURE, abi.MEMORY_MMAP, 0, 0))
        device.ioctl(abi.REQBUFS, request)
        for index in range(abi.REQUESTBUFFERS.unpack(request)[0]):
            description = self._layout.pack_buffer(index)
            device.ioctl(self._layout.querybuf, description)
            buffer = self._layout.unpack_buffer(description)
            self._memory.append(device.map(buffer.length, buffer.offset))
            self._queue(device, index)
        if not self._memory:
            raise OSError(errno.ENOMEM, "the driver has no buffers")
        device.ioctl(abi.STREAMON, bytearray(abi.INTEGER.pack(abi.BUFFER_TYPE_CAPTURE)))

    def _close(self) -> None:
        device, self._device, self._memory, self._decode = self._device, None, [], None
        if device is None:
            return
        try:
            device.ioctl(abi.STREAMOFF, bytearray(abi.INTEGER.pack(abi.BUFFER_TYPE_CAPTURE)))
        except OSError:
            pass  # unplugged, or never started; closing the device also stops the stream
        finally:
            device.close()


def device_nodes(folder: Path = Path("/dev")) -> list[Path]:
    """Device nodes /dev/video0, /dev/video1 and so on, by number."""
    nodes = (path for path in folder.glob("video*") if path.name[5:].isdigit())
    return sorted(nodes, key=lambda path: int(path.name[5:]))


def matrix_of(format_: abi.PixFormat) -> Matrix:
    """Color matrix and range reported by the driver, with V4L2's defaults where it reports none."""
    by_space = format_.colorspace in (abi.COLORSPACE_REC709, abi.COLORSPACE_DCI_P3)
    is_709 = format_.encoding == abi.YCBCR_709 or (format_.encoding == 0 and by_space)
    by_space = format_.colorspace == abi.COLORSPACE_JPEG
    full = format_.quantization == abi.QUANTIZATION_FULL or (format_.quantization == 0 and by_space)
    return (BT709 if is_709 else BT601)._replace(full=full)
