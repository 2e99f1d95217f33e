"""OpenVINO, CPU, latency hint, preprocessing in the graph as its guide recommends."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .common import Picture, Segment


def load(model: Path, threads: int, picture: Picture) -> Segment:
    import openvino as ov

    core = ov.Core()
    with_pixels = ov.preprocess.PrePostProcessor(core.read_model(model))
    image = with_pixels.input()
    image.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC")).set_shape(
        [1, picture.height, picture.width, 3])
    image.model().set_layout(ov.Layout("NCHW"))
    image.preprocess().convert_element_type(ov.Type.f32).mean(list(picture.mean)).scale(list(picture.std))
    settings = {
        "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": "f32",
    }
    compiled = core.compile_model(with_pixels.build(), "CPU", settings)
    request = compiled.create_infer_request()

    def segment(frame: np.ndarray) -> np.ndarray:
        request.infer({0: frame[None]}, share_inputs=True)
        classes: np.ndarray = request.get_output_tensor(0).data
        return classes.reshape(frame.shape[:2]).astype(np.uint8)

    return segment
