"""The description inside a .tflite, and what damage does to it."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastscnn_edge.errors import ModelFileError
from fastscnn_edge.runtime.engines.tflite_file import attach_spec, read_spec
from tests.helpers import tiny

WHOLE = attach_spec(b"a flatbuffer" * 20, tiny.spec())


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(WHOLE)
    assert read_spec(path) == tiny.spec()


@pytest.mark.parametrize("position", range(len(WHOLE) - 420, len(WHOLE)))
def test_any_damage_of_the_archive_s_directory_is_one_error(position: int, tmp_path: Path) -> None:
    """Flipped bits there stand for other compressions, encryption, versions: zipfile has an exception for each."""
    path = tmp_path / "m.tflite"
    for bit in range(8):
        body = bytearray(WHOLE)
        body[position] ^= 1 << bit
        path.write_bytes(body)
        try:
            found = read_spec(path)
        except ModelFileError:
            continue
        assert found == tiny.spec()  # a date, a comment: nothing that is read


@given(length=st.integers(0, len(WHOLE) - 1))
def test_any_truncation_is_found(length: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("short") / "m.tflite"
    path.write_bytes(WHOLE[:length])
    with pytest.raises(ModelFileError):
        read_spec(path)


def test_a_description_that_unpacks_to_gigabytes_is_not_unpacked(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("fastscnn_edge.json", b" " * (64 << 20))
        archive.writestr("body.sha256", b"0" * 64)
    (tmp_path / "bomb.tflite").write_bytes(buffer.getvalue())
    with pytest.raises(ModelFileError, match="not a complete model"):
        read_spec(tmp_path / "bomb.tflite")
