"""Offsets, lengths and alignments of flatbuffers, each checked before it is followed."""

from __future__ import annotations

import struct

import flatbuffers
import numpy as np
import pytest

from fastscnn_edge.runtime.engines.tflite_check.flatbuffer import FlatbufferError, Table, root


def built() -> bytes:
    """A table of an integer, a text, a vector of four integers and a vector of one table."""
    builder = flatbuffers.Builder(64)
    builder.StartObject(1)
    builder.PrependInt32Slot(0, 7, 0)
    inner = builder.EndObject()
    builder.StartVector(4, 1, 4)
    builder.PrependUOffsetTRelative(inner)
    tables = builder.EndVector()
    numbers = builder.CreateNumpyVector(np.array([1, 2, 3, 4], np.int32))
    text = builder.CreateString("größe")
    builder.StartObject(5)
    builder.PrependInt8Slot(0, -5, 0)
    builder.PrependUOffsetTRelativeSlot(1, text, 0)
    builder.PrependUOffsetTRelativeSlot(2, numbers, 0)
    builder.PrependUOffsetTRelativeSlot(3, tables, 0)
    builder.Finish(builder.EndObject(), b"TEST")
    return bytes(builder.Output())


def read_all(data: bytes) -> tuple:
    table = root(memoryview(data), b"TEST")
    inner = [one.scalar(0, "i") for one in table.tables(3)]
    return table.scalar(0, "b"), table.text(1), table.vector(2, np.int32).tolist(), inner, table.scalar(4, "i", 42)


def test_reads_what_the_official_library_wrote() -> None:
    assert read_all(built()) == (-5, "größe", [1, 2, 3, 4], [7], 42)
    assert root(memoryview(built()), b"TEST").slots == {0, 1, 2, 3}


def test_vectors_are_views_of_the_file() -> None:
    data = np.frombuffer(built(), np.uint8)
    assert np.shares_memory(root(memoryview(data), b"TEST").vector(2, np.int32), data)


def test_any_change_of_any_byte_is_read_or_refused() -> None:
    whole = built()
    for at in range(len(whole)):
        for value in (0, 1, 4, 127, 128, 255, whole[at] ^ 1, whole[at] ^ 128):
            try:
                read_all(whole[:at] + bytes([value]) + whole[at + 1 :])
            except FlatbufferError:
                continue


def test_any_truncation_is_read_or_refused() -> None:
    whole = built()
    for length in range(len(whole)):
        with pytest.raises(FlatbufferError):
            read_all(whole[:length])


@pytest.mark.parametrize("offset", [3, 5, 1 << 20, (1 << 32) - 4])
def test_a_wild_root_is_refused(offset: int) -> None:
    with pytest.raises(FlatbufferError):
        read_all(struct.pack("<I", offset) + built()[4:])


def test_a_long_list_of_one_table_is_not_read() -> None:
    """A few megabytes of offsets to one table would become gigabytes of objects."""
    count = 5000
    vector = struct.pack("<I", count) + b"".join(struct.pack("<I", 4 * (count - i)) for i in range(count))
    table = struct.pack("<HHHH", 6, 8, 4, 0) + struct.pack("<iI", 8, 4)
    inner = struct.pack("<i", 16 + 4 + 4 * count)  # its vtable is the outer one's
    data = memoryview(table + vector + inner + bytes(8))
    with pytest.raises(FlatbufferError, match="5000 entries"):
        Table(data, 8).tables(0)
