"""ncnn: pixels by its own ``from_pixels``, upsampled logits from the graph, argmax by numpy (it has none)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .common import FrameFormat, Segment


def load(model: Path, threads: int, frame_format: FrameFormat, half: bool = False) -> Segment:
    import ncnn

    net = ncnn.Net()
    net.opt.num_threads = threads
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = half
    net.load_param(str(model))
    net.load_model(str(model.with_suffix(".bin")))
    mean, factor = list(frame_format.mean), [1 / s for s in frame_format.std]

    def segment(frame: np.ndarray) -> np.ndarray:
        image = ncnn.Mat.from_pixels(frame, ncnn.Mat.PixelType.PIXEL_RGB, frame_format.width, frame_format.height)
        image.substract_mean_normalize(mean, factor)
        extractor = net.create_extractor()
        extractor.input("in0", image)
        _, logits = extractor.extract("out0")
        result: np.ndarray = np.asarray(logits).argmax(0).astype(np.uint8)
        return result

    return segment
