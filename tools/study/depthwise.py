"""Depthwise convolutions whose gradient is computed in float32 where bfloat16 is slow.

On a CPU with AVX-512 bfloat16 arithmetic and torch 2.13, one thread, channels last, the backward pass of a depthwise
convolution takes bfloat16 two to six times as long as float32 if its kernel is 5x5 or its stride 2: with 288 channels
at 45x60, batch 8, 5x5, 139 ms against 42; with 144 channels at 90x120, 5x5, stride 2, 235 against 35; with 3x3 and
stride 1 it is as fast (9 against 11).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class DepthwiseFloat32(nn.Conv2d):
    """A convolution that leaves autocast while it trains, if it is depthwise with a large kernel or a stride."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training and self.groups > 1 and (self.kernel_size[0] > 3 or self.stride[0] > 1):
            with torch.autocast("cpu", enabled=False):
                return super().forward(x.float()).to(x.dtype)
        return super().forward(x)


def use_float32_depthwise(model: nn.Module) -> None:
    """Turn ``model``'s convolutions into :class:`DepthwiseFloat32`, in place; the weights stay what they are."""
    for module in model.modules():
        if type(module) is nn.Conv2d:
            module.__class__ = DepthwiseFloat32
