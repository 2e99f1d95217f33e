"""Our files for one size: INT8 and fp32, .tflite and .onnx, and both INT8 ones with upsampling and argmax inside."""

from __future__ import annotations

from pathlib import Path

from fastscnn_edge.export.convert import write_onnx_file, write_tflite_file
from fastscnn_edge.export.prepare import ExportSource, prepare
from fastscnn_edge.export.to_onnx.options import OnnxOptions

from .in_graph import append_classes


def build_ours(folder: Path, checkpoint: Path, quantized: Path, size: tuple[int, int]) -> None:
    """Write the files into ``folder``, from the float ``checkpoint`` and its ``quantized`` form."""
    int8 = prepare(ExportSource(quantized, "int8", size))
    for name, prepared, precision in (
        ("int8", int8, "int8"),
        ("fp32", prepare(ExportSource(checkpoint, "fp32", size)), "fp32"),
    ):
        write_tflite_file(folder / f"ours_{name}.tflite", prepared, precision)
        write_onnx_file(folder / f"ours_{name}.onnx", prepared, precision)
    write_onnx_file(folder / "in_graph_int8.onnx", int8, "int8", OnnxOptions(head="argmax"))
    file = (folder / "ours_int8.tflite").read_bytes()
    (folder / "in_graph_int8.tflite").write_bytes(append_classes(file, size, int8.align_corners))
