"""Reader of flatbuffers from strangers: every offset, length and alignment is checked before it is followed.

Native readers trust offsets: one that is wrong reads or jumps anywhere. Nothing is copied: vectors are views of the
buffer. Format: https://flatbuffers.dev/internals.
"""

from __future__ import annotations

import struct

import numpy as np

MOST_TABLES = 4096
"""Largest number of tables in one vector: entries of a vector may all name one table, so the size of a file is no
limit to what is made of them. The network has about 200."""

MOST_ENTRIES = 1 << 16
"""Largest number of entries of a vector that is read entry by entry, such as the scales of a tensor: any number of
tables may share one."""

_UINT16, _INT32, _UINT32 = struct.Struct("<H"), struct.Struct("<i"), struct.Struct("<I")


class FlatbufferError(ValueError):
    """An offset, a length or an alignment is wrong."""


class Table:
    """A table: numbered fields, each present or absent.

    Attributes:
        slots: numbers of the fields that are present.

    Raises:
        FlatbufferError: it does not lie inside ``data``.
    """

    def __init__(self, data: memoryview, at: int) -> None:
        self._data, self._at = data, at
        vtable = at - int(_read(data, _INT32, at))
        size, self._size = int(_read(data, _UINT16, vtable)), int(_read(data, _UINT16, vtable + 2))
        if size < 4 or size % 2 or vtable + size > len(data) or self._size < 4 or at + self._size > len(data):
            raise FlatbufferError("a table reaches beyond the end")
        entries = struct.unpack_from(f"<{size // 2 - 2}H", data, vtable + 4)
        self._fields: dict[int, int] = {slot: at + offset for slot, offset in enumerate(entries) if offset}
        if any(not at + 4 <= field < at + self._size for field in self._fields.values()):
            raise FlatbufferError("a field lies outside its table")

    @property
    def slots(self) -> set[int]:
        return set(self._fields)

    def scalar(self, slot: int, kind: str, default: int = 0) -> int:
        """The integer of field ``slot``; ``kind``: a letter of :mod:`struct`."""
        field = self._fields.get(slot)
        if field is None:
            return default
        form = _SCALARS[kind]
        if field + form.size > self._at + self._size:
            raise FlatbufferError("a field lies outside its table")
        return int(_read(self._data, form, field))

    def table(self, slot: int) -> Table | None:
        """The table of field ``slot``."""
        at = self._target(slot)
        return None if at is None else Table(self._data, at)

    def tables(self, slot: int) -> list[Table]:
        """The tables of the vector of field ``slot``."""
        offsets = self.vector(slot, np.uint32)
        if len(offsets) > MOST_TABLES:
            raise FlatbufferError(f"a list has {len(offsets)} entries; at most {MOST_TABLES} are read")
        start = (self._target(slot) or 0) + 4
        return [Table(self._data, start + 4 * i + offset) for i, offset in enumerate(offsets.tolist())]

    def short_vector(self, slot: int, kind: type[np.generic]) -> np.ndarray:
        """Like :meth:`vector`, refused beyond :data:`MOST_ENTRIES`."""
        result = self.vector(slot, kind)
        if len(result) > MOST_ENTRIES:
            raise FlatbufferError(f"a list has {len(result)} entries; at most {MOST_ENTRIES} are read")
        return result

    def vector(self, slot: int, kind: type[np.generic]) -> np.ndarray:
        """A view of the vector of numbers of field ``slot``; empty if it is absent."""
        at = self._target(slot)
        dtype = np.dtype(kind).newbyteorder("<")
        if at is None:
            return np.empty(0, dtype)
        count = int(_read(self._data, _UINT32, at))
        if at + 4 + count * dtype.itemsize > len(self._data):
            raise FlatbufferError("a list reaches beyond the end")
        if count and (at + 4) % dtype.itemsize:
            raise FlatbufferError("a list is not aligned")
        return np.frombuffer(self._data, dtype, count, at + 4)

    def text(self, slot: int) -> str:
        """The text of field ``slot``; empty if it is absent."""
        raw = self.short_vector(slot, np.uint8)
        if not len(raw):
            return ""
        end = self._target(slot) or 0
        end += 4 + len(raw)
        if end >= len(self._data) or self._data[end]:
            raise FlatbufferError("a text has no end")
        try:
            return raw.tobytes().decode()
        except UnicodeDecodeError as error:
            raise FlatbufferError("a text is not UTF-8") from error

    def _target(self, slot: int) -> int | None:
        field = self._fields.get(slot)
        if field is None:
            return None
        if field + 4 > self._at + self._size:
            raise FlatbufferError("a field lies outside its table")
        return int(field + _read(self._data, _UINT32, field))


def root(data: memoryview, identifier: bytes) -> Table:
    """The root table of ``data``.

    Raises:
        FlatbufferError: it has another identifier, or is damaged.
    """
    if len(data) < 8 or bytes(data[4:8]) != identifier:
        raise FlatbufferError(f"it has no identifier {identifier.decode()}")
    return Table(data, int(_read(data, _UINT32, 0)))


_SCALARS = {kind: struct.Struct(f"<{kind}") for kind in "bBiI"}


def _read(data: memoryview, form: struct.Struct, at: int) -> int:
    if at < 0 or at + form.size > len(data):
        raise FlatbufferError("an offset points beyond the end")
    if at % form.size:
        raise FlatbufferError("an offset is not aligned")
    value: int = form.unpack_from(data, at)[0]
    return value
