"""ncnn in full precision: argv model.param frames.npy logits.npy; the weights are model.bin."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np


def logits(model: str, frames: np.ndarray) -> np.ndarray:
    """Logits of all ``frames``, float32 [N, 3, H, W]."""
    import ncnn

    net = ncnn.Net()
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_storage = False
    net.load_param(model)
    net.load_model(str(Path(model).with_suffix(".bin")))
    outputs = []
    for frame in frames:
        image = ncnn.Mat(np.ascontiguousarray(frame)).clone()  # must outlive the extractor
        extractor = net.create_extractor()
        extractor.input("in0", image)
        _, output = extractor.extract("out0")
        outputs.append(np.array(output).copy())
        del extractor
    return np.stack(outputs)


if __name__ == "__main__":
    np.save(sys.argv[3], logits(sys.argv[1], np.load(sys.argv[2])))
