"""ncnn: pixels by its own ``from_pixels``, upsampled logits from the graph, argmax by numpy (it has none)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .common import Picture, Segment


def load(model: Path, threads: int, picture: Picture, half: bool = False) -> Segment:
    import ncnn

    net = ncnn.Net()
    net.opt.num_threads = threads
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = half
    net.load_param(str(model))
    net.load_model(str(model.with_suffix(".bin")))
    mean, factor = list(picture.mean), [1 / s for s in picture.std]

    def segment(frame: np.ndarray) -> np.ndarray:
        image = ncnn.Mat.from_pixels(frame, ncnn.Mat.PixelType.PIXEL_RGB, picture.width, picture.height)
        image.substract_mean_normalize(mean, factor)
        extractor = net.create_extractor()
        extractor.input("in0", image)
        _, logits = extractor.extract("out0")
        return np.asarray(logits).argmax(0).astype(np.uint8)

    return segment
