"""Device layer of V4L2: a few methods, each a single system call.

:class:`Device` is the seam for tests: :class:`KernelDevice` calls the kernel, ``fastscnn_edge.testing`` has a fake.
"""

from __future__ import annotations

import errno
import mmap
import os
import select
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from ....errors import CameraLostError, SourceError
from . import abi

try:
    import fcntl
except ImportError:  # V4L2 is Linux's; elsewhere there is no device that could be opened
    fcntl = None  # type: ignore[assignment]

GONE = frozenset({errno.ENODEV, errno.EIO, errno.ENXIO, errno.EBADF, errno.EPIPE, errno.EPROTO})
"""Error numbers a driver returns when its camera was unplugged or its bus failed."""


class Device(Protocol):
    """An open device node. Every method may raise OSError."""

    path: Path

    def ioctl(self, request: int, argument: bytearray) -> None:
        """Send one request; the kernel writes its answer into ``argument``."""
        ...

    def map(self, length: int, offset: int) -> memoryview:
        """Map a buffer that the driver fills."""
        ...

    def wait(self, seconds: float) -> bool:
        """Whether a frame is ready within ``seconds``."""
        ...

    def close(self) -> None:
        """Unmap and close; harmless when repeated."""
        ...


class KernelDevice:
    """``path`` opened for reading frames without blocking."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._maps: list[mmap.mmap] = []
        self._views: list[memoryview] = []
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLIN)

    def ioctl(self, request: int, argument: bytearray) -> None:
        while True:
            try:
                fcntl.ioctl(self._descriptor, request, argument, True)
                return
            except InterruptedError:  # some drivers return EINTR
                continue

    def map(self, length: int, offset: int) -> memoryview:
        memory = mmap.mmap(self._descriptor, length, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE, offset=offset)
        self._maps.append(memory)
        self._views.append(memoryview(memory))
        return self._views[-1]

    def wait(self, seconds: float) -> bool:
        events = self._poll.poll(seconds * 1000)
        if events and not events[0][1] & select.POLLIN:
            raise OSError(errno.ENODEV, "the driver reports an error; the camera may have been unplugged")
        return bool(events)

    def close(self) -> None:
        for held in (*(view.release for view in self._views), *(memory.close for memory in self._maps)):
            with suppress(BufferError):  # still referenced, for example by a traceback; freed with its last view
                held()
        self._views, self._maps = [], []
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Capability(NamedTuple):
    """Capabilities that a device node reports."""

    driver: str
    card: str
    bus: str
    flags: int

    @property
    def captures(self) -> bool:
        """Whether it delivers images into mapped memory, in one plane."""
        return bool(self.flags & abi.CAP_VIDEO_CAPTURE) and bool(self.flags & abi.CAP_STREAMING)

    @property
    def obstacle(self) -> str:
        """Why it does not, as text for the user."""
        if self.flags & abi.CAP_META_CAPTURE:
            return "it delivers metadata, not pictures (a USB camera has one such node beside its picture node)"
        if self.flags & (abi.CAP_VIDEO_M2M | abi.CAP_VIDEO_M2M_MPLANE):
            return "it is a codec or scaler, not a camera"
        if self.flags & abi.CAP_VIDEO_CAPTURE_MPLANE:
            return "it delivers pictures in several planes, a CSI receiver most likely; try --camera csi"
        return "it delivers no pictures"


def query(device: Device) -> Capability:
    """Query the capabilities of ``device``."""
    answer = bytearray(abi.CAPABILITY.size)
    device.ioctl(abi.QUERYCAP, answer)
    driver, card, bus, _, physical, node = abi.CAPABILITY.unpack(answer)
    # The physical device's flags cover all of its nodes; only this node's own flags matter.
    flags = node if physical & abi.CAP_DEVICE_CAPS else physical
    return Capability(_text(driver), _text(card), _text(bus), flags)


def enumerate_with(device: Device, request: int, size: int, prepared: bytes) -> Iterator[bytearray]:
    """Ask an enumeration for entry 0, 1, ... until the driver returns EINVAL; ENOTTY means it has none.

    Args:
        device: an open device.
        request: request number of the enumeration.
        size: size of its struct in bytes.
        prepared: content of the struct after the index.
    """
    for index in range(256):  # no driver has as many; a driver that never returns EINVAL must not hang this loop
        argument = bytearray(index.to_bytes(4, "little") + prepared).ljust(size, b"\0")
        try:
            device.ioctl(request, argument)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOTTY):
                return
            raise
        yield argument


def failure(doing: str, path: Path, error: OSError) -> SourceError:
    """Build a SourceError with a hint for the user."""
    if error.errno in GONE:
        return CameraLostError(f"camera {path} went away while {doing}: {error.strerror}")
    hint = {
        errno.EACCES: "; add yourself to its group: sudo usermod -aG video $USER, then log in again",
        errno.EPERM: "; add yourself to its group: sudo usermod -aG video $USER, then log in again",
        errno.EBUSY: "; another program is using it (fuser shows which)",
        errno.ENOSPC: "; the USB bus has no bandwidth left: use MJPG, a smaller size or rate, or another port",
        errno.ENOTTY: "; is it a camera at all?",
    }.get(error.errno or 0, "")
    return SourceError(f"{doing} failed on camera {path}: {error.strerror}{hint}")


def _text(field: bytes) -> str:
    return field.split(b"\0")[0].decode("utf-8", "replace")
