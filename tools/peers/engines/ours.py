"""fastscnn_edge: the runtime as ``fastscnn-edge run`` uses it, for a .tflite or an .onnx."""

from __future__ import annotations

from pathlib import Path

from .common import FrameFormat, Segment


def load(model: Path, threads: int, frame_format: FrameFormat) -> Segment:
    from fastscnn_edge import Segmenter

    return Segmenter(model, threads).predict
