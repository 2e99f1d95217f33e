"""Small random models and pictures for tests."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from fastscnn_edge.runtime.frames import Frame, SegmentedFrame


def segmented(
    rgb: np.ndarray,
    class_map: np.ndarray,
    name: str = "frame",
    *,
    captured_at: float | None = None,
    latency: float = 0.0,
    at: float | None = None,
) -> SegmentedFrame:
    """What sinks receive; captured now unless told, finished ``latency`` seconds later."""
    taken = time.monotonic() if captured_at is None else captured_at
    return SegmentedFrame(Frame(rgb, name, taken, at), class_map, taken + latency)


def random_image(height: int, width: int, seed: int = 0) -> np.ndarray:
    """RGB uint8 [height, width, 3], smooth with noise on top."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 16 + 2, width // 16 + 2, 3)).astype(np.float64)
    smooth = coarse.repeat(16, 0).repeat(16, 1)[:height, :width]
    return (smooth + rng.normal(0, 10, smooth.shape)).clip(0, 255).astype(np.uint8)


def random_model(dialect: str, classes: int, seed: int = 0):
    """A FastSCNN in evaluation mode whose batch norms are not trivial and whose activations stay lively."""
    import torch

    from fastscnn_edge.reference.model import FastSCNN

    torch.manual_seed(seed)
    model = FastSCNN(classes, dialect)
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        elif isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.3)
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
    return model.eval()


def write_video(path: Path, frames: Sequence[np.ndarray]) -> Path:
    """Write RGB uint8 [H, W, 3] frames, ten a second, as MPEG-4; returns ``path``."""
    av = pytest.importorskip("av", reason="writing a test video needs av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path
