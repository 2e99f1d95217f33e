"""Errors for model files that cannot be used, the same for every format."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

from ...errors import ModelFileError

_CHECKPOINT, _TFLITE, _ONNX = "checkpoint", ".tflite", ".onnx"

_IR_VERSIONS = range(1, 32)


def require_file(path: Path) -> None:
    """Raise ModelFileError unless ``path`` is a file."""
    if path.is_dir():
        raise ModelFileError(f"{path} is a folder, not a model; name the .tflite or .onnx in it")
    if not path.exists():
        raise ModelFileError(f"no such model: {path}")
    if not path.is_file():
        raise ModelFileError(f"{path} is a device or pipe, not a model")


def not_ours(path: Path, command: str) -> ModelFileError:
    """Build the error for a file without a readable description; ``command`` makes one that has it.

    A checkpoint, and a model under the suffix of the other format, are recognized.
    """
    found = _content(path)
    if found == _CHECKPOINT:
        return ModelFileError(
            f"{path} is a checkpoint, not a model; make a model of it with: fastscnn-edge export --checkpoint {path} "
            f"--out {path.with_suffix('.tflite').name}"
        )
    if found and found != (_ONNX if path.suffix.lower() == _ONNX else _TFLITE):
        right = path.with_suffix(found).name
        return ModelFileError(f"{path} is a {found} by its content, and the suffix chooses the engine; name it {right}")
    return ModelFileError(
        f"{path} is not a complete model of this package (truncated, damaged, or another network's); "
        f"make one with: {command}"
    )


def damaged(path: Path) -> ModelFileError:
    """Build the error for a file whose content does not match its digest."""
    return ModelFileError(f"{path} is damaged: its content does not match its digest; copy or export it again")


def _content(path: Path) -> str | None:
    """What a file's first bytes say that it is; None: nothing known."""
    try:
        with path.open("rb") as stream:
            start = stream.read(16)
        if zipfile.is_zipfile(path) and start[:2] == b"PK":  # of torch.save
            with zipfile.ZipFile(path) as archive:
                return _CHECKPOINT if any(name.endswith("data.pkl") for name in archive.namelist()) else None
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return None
    if start[4:8] == b"TFL3":
        return _TFLITE
    if len(start) == 16 and start[8:10] == b'{"' and struct.unpack("<Q", start[:8])[0] < path.stat().st_size:
        return _CHECKPOINT  # safetensors: the length of its header, and the header
    if start[:1] == b"\x80" and path.suffix.lower() in (".pth", ".pt", ".ckpt"):
        return _CHECKPOINT  # a pickle, the format of torch before zip
    if start[:1] == b"\x08" and start[1:2] and start[1] in _IR_VERSIONS and start[2:3] in (b"\x12", b"\x3a", b"\x1a"):
        return _ONNX  # ir_version, then producer_name, graph or producer_version
    return None
