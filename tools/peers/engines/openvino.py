"""OpenVINO, CPU, latency hint, preprocessing in the graph as its guide recommends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .common import FrameFormat, Segment


def load(model: Path, threads: int, frame_format: FrameFormat) -> Segment:
    import openvino as ov

    run = compiled(ov.Core().read_model(model), threads, frame_format)

    def segment(frame: np.ndarray) -> np.ndarray:
        return run(frame).reshape(frame.shape[:2]).astype(np.uint8)

    return segment


def compiled(network: Any, threads: int, frame_format: FrameFormat) -> Segment:
    """``network`` with uint8 frames as input, ready to run; what it returns is valid until the next run."""
    import openvino as ov

    with_pixels = ov.preprocess.PrePostProcessor(network)
    image = with_pixels.input()
    image.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC")).set_shape(
        [1, frame_format.height, frame_format.width, 3]
    )
    image.model().set_layout(ov.Layout("NCHW"))
    image.preprocess().convert_element_type(ov.Type.f32).mean(list(frame_format.mean)).scale(list(frame_format.std))
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": "f32",
    }
    request = ov.Core().compile_model(with_pixels.build(), "CPU", settings).create_infer_request()

    def run(frame: np.ndarray) -> np.ndarray:
        request.infer({0: frame[None]}, share_inputs=True)
        result: np.ndarray = request.get_output_tensor(0).data
        return result

    return run
