"""The bundled checkpoint as artifacts of any size, unverified: what memory and speed depend on is all there."""

from __future__ import annotations

from pathlib import Path

import pytest

CHECKPOINT = Path(__file__).parents[2] / "fastscnn_edge" / "weights" / "fastscnn_camvid.safetensors"


def exported(folder: Path, kind: str, precision: str, size: tuple[int, int]) -> Path:
    """A .tflite or .onnx of the whole network in ``folder``."""
    pytest.importorskip("torch", reason="making a model needs torch")
    pytest.importorskip("flatbuffers", reason="making a model needs flatbuffers")
    from fastscnn_edge.export.convert import write_onnx_file, write_tflite_file
    from fastscnn_edge.export.prepare import ExportSource, prepare

    prepared = prepare(ExportSource(CHECKPOINT, precision=precision, size=size))
    path = folder / f"{precision}_{size[0]}x{size[1]}.{kind}"
    (write_onnx_file if kind == "onnx" else write_tflite_file)(path, prepared, precision)
    return path
