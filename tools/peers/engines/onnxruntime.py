"""ONNX Runtime, CPU: the graph ends in classes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from .common import FrameFormat, Segment, normalizer


def load(model: Path, threads: int, frame_format: FrameFormat) -> Segment:
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before it is loaded: nothing leaves this machine
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    name, kind = session.get_inputs()[0].name, session.get_inputs()[0].type
    prepare = normalizer(frame_format) if kind == "tensor(float)" else lambda frame: frame[None]

    def segment(frame: np.ndarray) -> np.ndarray:
        classes: np.ndarray = session.run(None, {name: prepare(frame)})[0]
        return classes.reshape(frame.shape[:2]).astype(np.uint8, copy=False)

    return segment
