"""MNN: the graph ends in classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .common import FrameFormat, Segment, normalizer


def load(model: Path, threads: int, frame_format: FrameFormat) -> Segment:
    import MNN.expr
    import MNN.nn

    manager = MNN.nn.create_runtime_manager(({"backend": "CPU", "precision": "high", "numThread": threads},))
    net = MNN.nn.load_module_from_file(str(model), ["image"], ["classes"], runtime_manager=manager)
    prepare = normalizer(frame_format)

    def segment(frame: np.ndarray) -> np.ndarray:
        image = MNN.expr.const(prepare(frame), [1, 3, frame_format.height, frame_format.width], MNN.expr.NCHW)
        classes = net.forward(image)
        return np.array(classes.read()).reshape(frame.shape[:2]).astype(np.uint8)

    return segment
