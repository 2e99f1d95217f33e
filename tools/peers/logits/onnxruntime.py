"""ONNX Runtime, CPU: argv model.onnx frames.npy logits.npy."""

from __future__ import annotations

import os
import sys

import numpy as np


def logits(model: str, frames: np.ndarray) -> np.ndarray:
    """Logits of all ``frames``."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before it is loaded: nothing leaves this machine
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: frame[None]})[0] for frame in frames])


if __name__ == "__main__":
    np.save(sys.argv[3], logits(sys.argv[1], np.load(sys.argv[2])))
