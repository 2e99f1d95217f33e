"""MNN: the graph ends in classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .common import Picture, Segment, normalizer


def load(model: Path, threads: int, picture: Picture) -> Segment:
    import MNN.expr
    import MNN.nn

    manager = MNN.nn.create_runtime_manager(({"backend": "CPU", "precision": "high", "numThread": threads},))
    net = MNN.nn.load_module_from_file(str(model), ["image"], ["classes"], runtime_manager=manager)
    prepare = normalizer(picture)

    def segment(frame: np.ndarray) -> np.ndarray:
        image = MNN.expr.const(prepare(frame), [1, 3, picture.height, picture.width], MNN.expr.NCHW)
        classes = net.forward(image)
        return np.array(classes.read()).reshape(frame.shape[:2]).astype(np.uint8)

    return segment
