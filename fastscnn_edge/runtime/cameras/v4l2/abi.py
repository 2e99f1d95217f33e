"""Request numbers and struct layouts of Linux' video4linux2 interface, as far as capturing needs them.

Written out from ``linux/videodev2.h`` for little-endian machines, 64- and 32-bit, so that neither a compiler nor a
library is needed on the board; ``tests/runtime/cameras/v4l2/test_abi.py`` compares every size, offset and number
with what C compilers make of that header. Two structs differ between the word sizes:

* ``v4l2_format`` holds pointers in one arm of its union, so the union starts at 8 on 64-bit and at 4 on 32-bit;
* ``v4l2_buffer`` holds a ``timeval`` and a pointer. On 32-bit it has two forms, with 64-bit times (kernels from 5.6)
  and with 32-bit times. The kernel distinguishes them by the size in the request number, whatever libc or Python were
  built for, so this package chooses: :func:`layouts` lists them, the better one first.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

BUFFER_TYPE_CAPTURE = 1
MEMORY_MMAP = 1
FIELD_ANY = 0

CAP_VIDEO_CAPTURE = 0x0000_0001
CAP_VIDEO_CAPTURE_MPLANE = 0x0000_1000
CAP_VIDEO_M2M_MPLANE = 0x0000_4000
CAP_VIDEO_M2M = 0x0000_8000
CAP_META_CAPTURE = 0x0080_0000
CAP_STREAMING = 0x0400_0000
CAP_DEVICE_CAPS = 0x8000_0000

CAP_TIMEPERFRAME = 0x1000

FLAG_ERROR = 0x40
FLAG_TIMESTAMP_MASK = 0xE000
FLAG_TIMESTAMP_MONOTONIC = 0x2000

SIZE_DISCRETE = 1
"""Same value in ``v4l2_frmsizetypes`` and ``v4l2_frmivaltypes``; 2 is continuous, 3 is stepwise."""

COLORSPACE_REC709 = 3
COLORSPACE_JPEG = 7
COLORSPACE_DCI_P3 = 12
YCBCR_709 = 2
QUANTIZATION_FULL = 1

CAPABILITY = struct.Struct("<16s32s32sIII12x")
FMTDESC = struct.Struct("<III32sII12x")
REQUESTBUFFERS = struct.Struct("<IIIIB3x")
FRMSIZEENUM = struct.Struct("<III6I8x")
FRMIVALENUM = struct.Struct("<IIIII6I8x")
STREAMPARM = struct.Struct("<IIIIIII16x160x")
INTEGER = struct.Struct("<i")
PIX_FORMAT = struct.Struct("<12I")

_WRITE, _READ = 1, 2


def _request(direction: int, number: int, size: int) -> int:
    return direction << 30 | size << 16 | ord("V") << 8 | number


def _both(number: int, size: int) -> int:
    return _request(_READ | _WRITE, number, size)


QUERYCAP = _request(_READ, 0, CAPABILITY.size)
ENUM_FMT = _both(2, FMTDESC.size)
REQBUFS = _both(8, REQUESTBUFFERS.size)
STREAMON = _request(_WRITE, 18, INTEGER.size)
STREAMOFF = _request(_WRITE, 19, INTEGER.size)
G_PARM = _both(21, STREAMPARM.size)
S_PARM = _both(22, STREAMPARM.size)
ENUM_FRAMESIZES = _both(74, FRMSIZEENUM.size)
ENUM_FRAMEINTERVALS = _both(75, FRMIVALENUM.size)


class Buffer(NamedTuple):
    """The fields read from a ``v4l2_buffer``; ``slot`` is its ``index``, ``timestamp`` is in seconds."""

    slot: int
    bytesused: int
    flags: int
    timestamp: float
    sequence: int
    offset: int
    length: int


class Layout(NamedTuple):
    """Layout of the two structs that depend on the machine.

    Attributes:
        name: label for messages and tests.
        format_union: offset of the union inside ``v4l2_format``; the union has 200 bytes.
        buffer: ``v4l2_buffer``: index, type, bytesused, flags, field, seconds, microseconds, timecode (16 bytes),
            sequence, memory, offset, length, reserved2, request_fd.
    """

    name: str
    format_union: int
    buffer: struct.Struct

    @property
    def format_size(self) -> int:
        return self.format_union + 200

    @property
    def g_fmt(self) -> int:
        return _both(4, self.format_size)

    @property
    def s_fmt(self) -> int:
        return _both(5, self.format_size)

    @property
    def querybuf(self) -> int:
        return _both(9, self.buffer.size)

    @property
    def qbuf(self) -> int:
        return _both(15, self.buffer.size)

    @property
    def dqbuf(self) -> int:
        return _both(17, self.buffer.size)

    def pack_buffer(self, index: int = 0) -> bytearray:
        """Pack a request for a memory-mapped capture buffer."""
        fields = (index, BUFFER_TYPE_CAPTURE, 0, 0, 0, 0, 0, b"", 0, MEMORY_MMAP, 0, 0, 0, 0)
        return bytearray(self.buffer.pack(*fields))

    def unpack_buffer(self, data: bytes | bytearray) -> Buffer:
        index, _, used, flags, _, seconds, micros, _, sequence, _, offset, length, _, _ = self.buffer.unpack(data)
        return Buffer(index, used, flags, seconds + micros / 1e6, sequence, offset, length)

    def pack_format(self, width: int, height: int, fourcc: int) -> bytearray:
        """Pack a request for a capture format with progressive or any field order."""
        data = bytearray(self.format_size)
        struct.pack_into("<I", data, 0, BUFFER_TYPE_CAPTURE)
        PIX_FORMAT.pack_into(data, self.format_union, width, height, fourcc, FIELD_ANY, *(0,) * 8)
        return data

    def unpack_format(self, data: bytes | bytearray) -> PixFormat:
        width, height, fourcc, _, stride, size, space, _, _, encoding, quantization, _ = PIX_FORMAT.unpack_from(
            data, self.format_union
        )
        return PixFormat(width, height, fourcc, stride, size, space, encoding, quantization)


class PixFormat(NamedTuple):
    """The fields read from a ``v4l2_pix_format``. ``stride`` and ``size`` in bytes."""

    width: int
    height: int
    fourcc: int
    stride: int
    size: int
    colorspace: int
    encoding: int
    quantization: int


# "x" is the compiler's padding: the 64-bit seconds are aligned to 8, the struct's end to its strictest member.
_LP64 = Layout("64-bit", 8, struct.Struct("<5I4xqq16sIIQIII4x"))
_ILP32_TIME64 = Layout("32-bit, 64-bit time", 4, struct.Struct("<5I4xqq16sIIIIII"))
_ILP32_TIME32 = Layout("32-bit, 32-bit time", 4, struct.Struct("<5Iii16sIIIIII"))


def layouts(pointer_bytes: int = struct.calcsize("P")) -> tuple[Layout, ...]:
    """Layouts to try on this machine, in order; a kernel that lacks one answers ENOTTY."""
    return (_LP64,) if pointer_bytes == 8 else (_ILP32_TIME64, _ILP32_TIME32)


def fourcc(code: str) -> int:
    """Convert a code such as ``"YUYV"`` to the kernel's number."""
    return int.from_bytes(code.encode("ascii").ljust(4), "little")


def fourcc_name(number: int) -> str:
    """Convert the kernel's number to text; unprintable characters become ``?``."""
    text = (number & 0x7FFF_FFFF).to_bytes(4, "little").decode("latin-1").rstrip()
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text)
