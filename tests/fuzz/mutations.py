"""Mutations of bytes that know nothing of their format."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_BYTES = (0x00, 0x01, 0x20, 0x7F, 0x80, 0xFE, 0xFF)
_INTEGERS = (0, 1, 2, 3, 4, 16, 127, 128, 255, 256, 32767, 65535, 1 << 20, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)


def mutate_bytes(
    rng: np.random.Generator, data: bytes, others: Sequence[bytes], regions: Sequence[tuple[int, int]] = ()
) -> bytes:
    """Copy ``data`` with one to four mutations.

    Args:
        others: files to splice with.
        regions: (start, stop) of parts that most mutations go to, such as headers; empty: anywhere.
    """
    result = bytearray(data)
    for _ in range(int(rng.choice([1, 1, 1, 2, 4]))):
        start, stop = 0, len(result)
        if regions and rng.random() < 0.8:
            start, stop = regions[int(rng.integers(len(regions)))]
        start, stop = min(start, len(result)), min(stop, len(result))
        if stop <= start:
            start, stop = 0, len(result)
        if not result:
            break
        at = int(rng.integers(start, stop))
        _EDITS[int(rng.choice(len(_EDITS), p=_WEIGHTS))](rng, result, at, others)
    return bytes(result)


def interesting(rng: np.random.Generator) -> int:
    """An integer at which readers go wrong: a limit, near one, or its negative."""
    return (int(rng.choice(_INTEGERS)) + int(rng.integers(-1, 2))) * int(rng.choice([1, 1, 1, -1]))


def _flip(rng: np.random.Generator, data: bytearray, at: int, others: Sequence[bytes]) -> None:
    data[at] ^= 1 << int(rng.integers(8))


def _byte(rng: np.random.Generator, data: bytearray, at: int, others: Sequence[bytes]) -> None:
    data[at] = int(rng.choice(_BYTES)) if rng.random() < 0.5 else int(rng.integers(256))


def _integer(rng: np.random.Generator, data: bytearray, at: int, others: Sequence[bytes]) -> None:
    size = int(rng.choice([2, 4, 4, 8]))
    at -= at % size
    value = interesting(rng) % (1 << 8 * size)
    data[at : at + size] = value.to_bytes(size, "little" if rng.random() < 0.7 else "big")[: len(data) - at]


def _truncate(rng: np.random.Generator, data: bytearray, at: int, others: Sequence[bytes]) -> None:
    del data[at:]


def _delete(rng: np.random.Generator, data: bytearray, at: int, others: Sequence[bytes]) -> None:
    del data[at : at + int(rng.integers(1, 65))]


def _repeat(rng: np.random.Generator, data: bytearray, at: int, others: Sequence[bytes]) -> None:
    data[at:at] = data[at : at + int(rng.integers(1, 65))] * int(rng.integers(1, 5))


def _insert(rng: np.random.Generator, data: bytearray, at: int, others: Sequence[bytes]) -> None:
    data[at:at] = rng.bytes(int(rng.integers(1, 33)))


def _fill(rng: np.random.Generator, data: bytearray, at: int, others: Sequence[bytes]) -> None:
    length = min(int(rng.integers(1, 65)), len(data) - at)
    data[at : at + length] = bytes([int(rng.choice(_BYTES))]) * length


def _splice(rng: np.random.Generator, data: bytearray, at: int, others: Sequence[bytes]) -> None:
    other = others[int(rng.integers(len(others)))] if others else bytes(data)
    if rng.random() < 0.5:
        data[at:] = other[min(at, len(other)) :]
    else:
        start = int(rng.integers(len(other) + 1))
        part = other[start : start + int(rng.integers(1, 257))]
        data[at : at + len(part)] = part


_EDITS = (_flip, _byte, _integer, _truncate, _delete, _repeat, _insert, _fill, _splice)
_WEIGHTS = (0.22, 0.2, 0.22, 0.06, 0.06, 0.06, 0.06, 0.06, 0.06)
