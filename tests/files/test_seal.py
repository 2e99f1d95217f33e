"""A file that carries its own digest."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fastscnn_edge.files.seal import BLANK, is_whole, seal


@given(st.binary(max_size=99), st.binary(max_size=99), st.data())
def test_any_flipped_bit_is_noticed(before: bytes, after: bytes, data: st.DataObject) -> None:
    sealed = seal(before + b'"' + BLANK.encode() + b'"' + after)
    stated = sealed[len(before) + 1 : len(before) + 65].decode()
    assert is_whole(sealed, stated)
    at = data.draw(st.integers(0, len(sealed) - 1))
    flipped = bytearray(sealed)
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    now_stated = flipped[len(before) + 1 : len(before) + 65].decode(errors="replace")
    assert not is_whole(bytes(flipped), now_stated)


def test_what_is_no_digest() -> None:
    for stated in (None, 7, "", "x" * 63, "é" * 64, ["a"]):
        assert not is_whole(b"data", stated)
