"""Errors for model files that cannot be used, the same for every format."""

from __future__ import annotations

from pathlib import Path

from ...errors import ModelFileError


def require_file(path: Path) -> None:
    """Raise ModelFileError unless ``path`` is a file."""
    if path.is_dir():
        raise ModelFileError(f"{path} is a folder, not a model; name the .tflite or .onnx in it")
    if not path.exists():
        raise ModelFileError(f"no such model: {path}")
    if not path.is_file():
        raise ModelFileError(f"{path} is a device or pipe, not a model")


def not_ours(path: Path, command: str) -> ModelFileError:
    """Build the error for a file without a readable description; ``command`` makes one that has it."""
    return ModelFileError(
        f"{path} is not a complete model of this package (truncated, damaged, or another network's); "
        f"make one with: {command}"
    )


def damaged(path: Path) -> ModelFileError:
    """Build the error for a file whose content does not match its digest."""
    return ModelFileError(f"{path} is damaged: its content does not match its digest; copy or export it again")
