"""A V4L2 device as this package uses it: a handful of calls, each one system call wide.

:class:`Device` is the seam: :class:`KernelDevice` asks the kernel, tests answer themselves.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import select
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from ....errors import CameraLostError, SourceError
from . import abi

GONE = frozenset({errno.ENODEV, errno.EIO, errno.ENXIO, errno.EBADF, errno.EPIPE, errno.EPROTO})
"""What a driver answers when its camera was unplugged or its bus broke down."""


class Device(Protocol):
    """An open device node. Every method may raise OSError."""

    path: Path

    def ioctl(self, request: int, argument: bytearray) -> None:
        """One request; the kernel answers inside ``argument``."""
        ...

    def map(self, length: int, offset: int) -> memoryview:
        """Memory of a buffer that the driver fills."""
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
            except InterruptedError:  # some drivers hand EINTR through
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
            with suppress(BufferError):  # still looked at, by a traceback for one; it goes with its last view
                held()
        self._views, self._maps = [], []
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Capability(NamedTuple):
    """What a device node says it is."""

    driver: str
    card: str
    bus: str
    flags: int

    @property
    def captures(self) -> bool:
        """It delivers pictures into mapped memory, in one plane."""
        return bool(self.flags & abi.CAP_VIDEO_CAPTURE) and bool(self.flags & abi.CAP_STREAMING)

    @property
    def obstacle(self) -> str:
        """Why it does not, for people."""
        if self.flags & abi.CAP_META_CAPTURE:
            return "it delivers metadata, not pictures (a USB camera has one such node beside its picture node)"
        if self.flags & (abi.CAP_VIDEO_M2M | abi.CAP_VIDEO_M2M_MPLANE):
            return "it is a codec or scaler, not a camera"
        if self.flags & abi.CAP_VIDEO_CAPTURE_MPLANE:
            return "it delivers pictures in several planes, a CSI receiver most likely; try --camera csi"
        return "it delivers no pictures"


def query(device: Device) -> Capability:
    """What ``device`` is."""
    answer = bytearray(abi.CAPABILITY.size)
    device.ioctl(abi.QUERYCAP, answer)
    driver, card, bus, _, physical, node = abi.CAPABILITY.unpack(answer)
    # The physical device's flags cover all of its nodes; this node's own are the ones that count.
    flags = node if physical & abi.CAP_DEVICE_CAPS else physical
    return Capability(_text(driver), _text(card), _text(bus), flags)


def enumerate_with(device: Device, request: int, size: int, prepared: bytes) -> Iterator[bytearray]:
    """Ask an enumeration for entry 0, 1, ... until the driver says EINVAL; ENOTTY means it has none.

    Args:
        device: open.
        request: number of the enumeration.
        size: of its struct.
        prepared: what follows the index in the question.
    """
    for index in range(256):  # no driver has as many; one that never ends would hang us
        argument = bytearray(index.to_bytes(4, "little") + prepared).ljust(size, b"\0")
        try:
            device.ioctl(request, argument)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOTTY):
                return
            raise
        yield argument


def failure(doing: str, path: Path, error: OSError) -> SourceError:
    """The error of a person: what went wrong with which camera, and how to mend it."""
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
