"""What native code prints to descriptor 2: caught, and the descriptor restored."""

from __future__ import annotations

import os

import pytest

from fastscnn_edge.native_stderr import captured_stderr, without_libtiffs_lines


def test_native_output_is_caught_and_the_descriptor_restored(capfd: pytest.CaptureFixture[str]) -> None:
    with captured_stderr() as lines:
        os.write(2, b"INFO: one\nWARNING: two\n")
    os.write(2, b"after\n")
    assert lines == ["INFO: one", "WARNING: two"]
    assert capfd.readouterr().err == "after\n"


def test_what_libtiff_says_is_dropped_and_lines_of_other_threads_are_not(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(OSError, match="x"), without_libtiffs_lines("TIFF"):
        os.write(2, b"ZIPDecode: Decoding error\nfastscnn-edge: camera lost\n")
        raise OSError("x")
    with without_libtiffs_lines("PNG"):
        os.write(2, b"as it is\n")
    assert capfd.readouterr().err == "fastscnn-edge: camera lost\nas it is\n"
