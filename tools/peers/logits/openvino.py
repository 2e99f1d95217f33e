"""OpenVINO: argv model.onnx frames.npy logits.npy. Float stays float32 on every CPU."""

from __future__ import annotations

import sys

import numpy as np


def logits(model: str, frames: np.ndarray) -> np.ndarray:
    """Logits of all ``frames``."""
    import openvino

    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.concatenate([compiled(frame[None])[0] for frame in frames])


if __name__ == "__main__":
    np.save(sys.argv[3], logits(sys.argv[1], np.load(sys.argv[2])))
