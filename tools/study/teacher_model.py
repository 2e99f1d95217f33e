"""The teacher: a pretrained encoder and a light feature pyramid, PyTorch only, never shipped."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .encoder import DEVIATION, MEAN, Encoder

WIDTH = 96
"""Channels of the pyramid."""


class Separable(nn.Module):
    """Depthwise 3x3, then 1x1, batch norm and ReLU."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(cin, cin, 3, padding=1, groups=cin, bias=False)
        self.pointwise = nn.Conv2d(cin, cout, 1, bias=False)
        self.bn = nn.BatchNorm2d(cout)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.pointwise(self.depthwise(x))))


class Teacher(nn.Module):
    """Encoder, top-down pyramid with a global mean at its top, and a classifier on all its levels at 1/4.

    Args:
        classes: number of logits.
        variant: see :class:`.encoder.Encoder`.
    """

    def __init__(self, classes: int, variant: str) -> None:
        super().__init__()
        self.classes, self.variant = classes, variant
        self.encoder = Encoder(variant)
        channels = self.encoder.channels
        self.lateral = nn.ModuleList(nn.Conv2d(count, WIDTH, 1) for count in channels)
        self.smooth = nn.ModuleList(Separable(WIDTH, WIDTH) for _ in channels)
        self.context = nn.Conv2d(channels[-1], WIDTH, 1)
        self.fuse = Separable(WIDTH, WIDTH)
        self.dropout = nn.Dropout2d(0.1)
        self.logits = nn.Conv2d(WIDTH, classes, 1)
        nn.init.normal_(self.logits.weight, std=0.01)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [N, classes, H/4, W/4], sizes rounded up, of images uint8 [N, H, W, 3]."""
        x = ((images.float() - MEAN) / DEVIATION).permute(0, 3, 1, 2)
        features = self.encoder(x)
        above = self.context(features[-1].mean((2, 3), keepdim=True))
        levels = []
        for feature, lateral, smooth in zip(
            features[::-1], list(self.lateral)[::-1], list(self.smooth)[::-1], strict=True
        ):
            above = lateral(feature) + _resize(above, feature)
            levels.append(smooth(above))
        # A sum: concatenated, this layer would cost as much as half the encoder.
        joined = torch.stack([_resize(level, features[0]) for level in levels]).sum(0)
        result: Tensor = self.logits(self.dropout(self.fuse(joined)))
        return result


def _resize(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, like.shape[2:], mode="bilinear")


def load_teacher(path: Path) -> Teacher:
    """The teacher that ``tools.study.teacher`` wrote to ``path``, in evaluation mode, on channels-last weights."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    teacher = Teacher(state["classes"], state["variant"])
    teacher.load_state_dict(state["weights"])
    teacher.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
    return teacher.eval()
