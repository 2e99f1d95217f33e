"""ncnn as it is by default: weights and, where the processor can, activations in half precision."""

from __future__ import annotations

from pathlib import Path

from .common import Picture, Segment
from .ncnn import load as load_ncnn


def load(model: Path, threads: int, picture: Picture) -> Segment:
    return load_ncnn(model, threads, picture, half=True)
