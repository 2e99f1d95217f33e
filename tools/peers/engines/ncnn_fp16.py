"""ncnn as it is by default: weights and, where the processor can, activations in half precision."""

from __future__ import annotations

from pathlib import Path

from .common import FrameFormat, Segment
from .ncnn import load as load_ncnn


def load(model: Path, threads: int, frame_format: FrameFormat) -> Segment:
    return load_ncnn(model, threads, frame_format, half=True)
