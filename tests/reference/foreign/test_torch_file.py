"""Files that claim to be checkpoints: none may run code, take gigabytes or end in a traceback."""

from __future__ import annotations

import io
import resource
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import pytest
import torch

from fastscnn_edge.errors import CheckpointError
from fastscnn_edge.reference.foreign.torch_file import MAX_VALUES, read_torch


def _refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        read_torch(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def test_weights_come_as_float32_with_what_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save({"state_dict": {"a": torch.ones(2, dtype=torch.float16), "n": 3}, "meta": {"CLASSES": ["x"]}}, path)
    tensors, meta = read_torch(path)
    assert list(tensors) == ["a"]
    assert tensors["a"].dtype == torch.float32
    assert meta == {"CLASSES": ["x"]}


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "it is empty"), (b"hello\n", "another kind of file"), (b"\x89PNG\r\n", "another kind|holds more")],
)
def test_another_kind_of_file_is_named_so(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(CheckpointError, match=reason):
        read_torch(tmp_path / "w.pth")


@pytest.mark.parametrize("keys", [("model", "ema", "optimizer", "best"), ("student", "ema", "optimizer", "best")])
def test_the_state_of_a_training_is_not_taken_for_weights(tmp_path: Path, keys: tuple[str, ...]) -> None:
    torch.save({key: {"a": torch.ones(1)} for key in keys}, tmp_path / "last.pt")
    assert "--resume" in _refusal(tmp_path / "last.pt")


def test_a_view_of_four_bytes_that_claims_terabytes(tmp_path: Path) -> None:
    huge = torch.zeros(1).expand(MAX_VALUES + 1)
    torch.save({"a": huge}, tmp_path / "w.pth")
    assert (tmp_path / "w.pth").stat().st_size < 10_000
    assert "more than" in _refusal(tmp_path / "w.pth")


@pytest.mark.parametrize(
    "tensor",
    [
        torch.eye(2).to_sparse(),
        torch.zeros(2, dtype=torch.complex64),
        torch.zeros(2, device="meta"),
    ],
    ids=["sparse", "complex", "meta"],
)
def test_tensors_that_are_not_plain(tmp_path: Path, tensor: torch.Tensor) -> None:
    torch.save({"a": torch.ones(1), "b": tensor}, tmp_path / "w.pth")
    _refusal(tmp_path / "w.pth")


def test_quantized_tensors_and_what_torch_warns_of_them(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save({"a": torch.quantize_per_tensor(torch.zeros(2), 1.0, 0, torch.qint8)}, tmp_path / "w.pth")
    _refusal(tmp_path / "w.pth")
    assert not recwarn.list


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save({"a": torch.zeros(4_000_000)}, buffer)
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(buffer) as stored, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for member in stored.infolist():
            packed.writestr(member.filename, stored.read(member))
    assert path.stat().st_size < 100_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    assert "would unpack to 15 MiB" in _refusal(path)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8 << 10


def test_nothing_in_a_file_is_executed(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            import os

            return os.system, (f"touch {tmp_path}/ran",)

    torch.save({"a": torch.ones(1), "b": Evil()}, tmp_path / "w.pth")
    assert "more than tensors" in _refusal(tmp_path / "w.pth")
    assert not (tmp_path / "ran").exists()


def test_a_flipped_bit_is_said(tmp_path: Path) -> None:
    """torch itself ignores the checksums of its zip."""
    said: list[str] = []
    path = tmp_path / "w.pth"
    torch.save({"a": torch.arange(1000.0)}, path)
    read_torch(path, said.append)
    assert not said
    data = bytearray(path.read_bytes())
    data[data.index(torch.arange(1000.0).numpy().tobytes()) + 100] ^= 4
    path.write_bytes(data)
    read_torch(path, said.append)
    assert len(said) == 1 and "is damaged" in said[0]
