"""Choice of the engine for a model file, by its suffix."""

from __future__ import annotations

import operator
from pathlib import Path

from ...spec import ModelSpec
from .base import Engine, default_threads
from .onnx_file import read_onnx
from .tflite_file import read_spec

TFLITE, ONNXRUNTIME = "tflite", "onnxruntime"
"""Names of the engines in estimates and tables."""


def open_engine(path: str | Path, threads: int | None = None) -> Engine:
    """Load an artifact with the engine for its format.

    Raises:
        ModelFileError: missing, damaged, or not an artifact of this package.
        MissingExtraError: the engine is not installed.
        TypeError, ValueError: ``threads`` is no integer, or below 1.
    """
    threads = default_threads() if threads is None else threads
    try:
        threads = operator.index(threads)
    except TypeError:
        raise TypeError(f"threads must be an integer, not {threads!r}") from None
    if threads < 1:
        raise ValueError(f"threads must be at least 1, not {threads}")
    path = Path(path)
    if path.suffix.lower() == ".onnx":
        from .ort import OrtEngine

        return OrtEngine(path, threads)
    from .tflite import TFLiteEngine

    return TFLiteEngine(path, threads)


def describe_model(model: Path) -> tuple[ModelSpec, str]:
    """Read (description, name of the engine that runs it) from the file; no engine is loaded.

    Raises:
        ModelFileError: missing, damaged, or not an artifact of this package.
    """
    if model.suffix.lower() == ".onnx":
        return read_onnx(model)[0], ONNXRUNTIME
    return read_spec(model), TFLITE
