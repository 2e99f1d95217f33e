"""PyTorch compiled by TorchInductor."""

from __future__ import annotations

from pathlib import Path

from .common import Picture, Segment
from .torch import load as load_torch


def load(model: Path, threads: int, picture: Picture) -> Segment:
    return load_torch(model, threads, picture, compiled=True)
