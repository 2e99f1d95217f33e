"""MNN: argv model.mnn frames.npy logits.npy."""

from __future__ import annotations

import sys

import numpy as np


def logits(model: str, frames: np.ndarray) -> np.ndarray:
    """Logits of all ``frames``."""
    import MNN.expr
    import MNN.nn

    dtype = MNN.expr.uint8 if frames.dtype == np.uint8 else MNN.expr.float
    net = MNN.nn.load_module_from_file(model, ["image"], ["logits"])
    outputs = []
    for frame in frames:
        # Declared NCHW though frames are NHWC: that keeps MNN from reordering what the graph transposes itself.
        image = MNN.expr.const(frame, [1, *frame.shape], MNN.expr.NCHW, dtype)
        output = MNN.expr.convert(net.forward(image), MNN.expr.NCHW)
        outputs.append(np.array(output.read()).reshape(output.shape).copy())
    return np.concatenate(outputs)


if __name__ == "__main__":
    np.save(sys.argv[3], logits(sys.argv[1], np.load(sys.argv[2])))
