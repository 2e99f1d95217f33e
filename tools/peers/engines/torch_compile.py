"""PyTorch compiled by TorchInductor."""

from __future__ import annotations

from pathlib import Path

from .common import FrameFormat, Segment
from .torch import load as load_torch


def load(model: Path, threads: int, frame_format: FrameFormat) -> Segment:
    return load_torch(model, threads, frame_format, compiled=True)
