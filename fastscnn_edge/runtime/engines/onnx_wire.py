"""The wire format of protocol buffers, as much of it as walking over a file's fields takes."""

from __future__ import annotations

from typing import BinaryIO

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def next_field(stream: BinaryIO, end: int) -> tuple[int, int, int]:
    """Read a field's header: (number, position, length) of its content; the stream is then at ``position``."""
    tag = varint(stream)
    kind = tag & 7
    if kind == _VARINT:
        start = stream.tell()
        varint(stream)
        length = stream.tell() - start
        stream.seek(start)
    elif kind in (_FIXED64, _FIXED32):
        start, length = stream.tell(), 8 if kind == _FIXED64 else 4
    elif kind == _BYTES:
        length = varint(stream)
        start = stream.tell()
    else:
        raise ValueError(f"wire type {kind}")
    if start + length > end:
        raise ValueError("a field reaches beyond the end")
    return tag >> 3, start, length


def varint(stream: BinaryIO) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = stream.read(1)
        if not byte:
            raise ValueError("ends inside a number")
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise ValueError("a number without an end")
