"""Check of an .onnx's padding before ONNX Runtime loads it, which offers no limit of memory for one session.

A digest is no signature: a stranger can change a node and compute it anew, and a convolution padded by a million
columns takes a gigabyte before its result is refused.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO

from .onnx_wire import next_field, varint

MOST_PADDING = 64
"""Pixels on one side; this package writes at most 1."""

# Field numbers of onnx.proto.
_GRAPH = 7  # of ModelProto
_NODE = 1  # of GraphProto
_ATTRIBUTE = 5  # of NodeProto
_NAME, _INTEGERS = 1, 8  # of AttributeProto

_LONGEST = 1 << 12
"""Bytes of an attribute that can be a padding; longer ones are tensors."""


def check_padding(stream: BinaryIO, size: int) -> None:
    """Raise ValueError if a node of the model in ``stream`` is padded by more than :data:`MOST_PADDING`."""
    stream.seek(0)
    for graph_end in _fields(stream, size, _GRAPH):
        for node_end in _fields(stream, graph_end, _NODE):
            for attribute_end in _fields(stream, node_end, _ATTRIBUTE):
                length = attribute_end - stream.tell()
                if length <= _LONGEST:
                    _check_attribute(stream.read(length))


def _fields(stream: BinaryIO, end: int, wanted: int) -> Iterator[int]:
    """Stop the stream at each field of this number; yields where its content ends."""
    while stream.tell() < end:
        field, start, length = next_field(stream, end)
        if field == wanted:
            stream.seek(start)
            yield start + length
        stream.seek(start + length)


def _check_attribute(data: bytes) -> None:
    stream = io.BytesIO(data)
    name, values = b"", []
    while stream.tell() < len(data):
        tag = data[stream.tell()]
        field, start, length = next_field(stream, len(data))
        stream.seek(start)
        if field == _NAME:
            name = stream.read(length)
        elif field == _INTEGERS:
            packed = tag & 7 == 2
            while stream.tell() < start + length:
                values.append(varint(stream))
                if not packed:
                    break
        stream.seek(start + length)
    # A negative number is a varint of 64 bits, so it is above any bound as well.
    if name == b"pads" and any(value > MOST_PADDING for value in values):
        raise ValueError(f"a node is padded by {max(values)} pixels")
