"""Initialization, optimizer, weight average and seeds of a training."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from .train_config import TrainConfig


def adamw(model: nn.Module, config: TrainConfig) -> Optimizer:
    """AdamW; only dense kernels decay (paper, section 4: no l2 on depthwise convolutions)."""
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for parameter in model.parameters():
        dense = parameter.ndim == 4 and parameter.shape[1] > 1
        (decayed if dense else free).append(parameter)
    groups = [{"params": decayed, "weight_decay": config.decay}, {"params": free, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, config.rate)


def moving_average(decay: float) -> Callable[[Sequence[Tensor], Sequence[Tensor], Tensor | int], None]:
    """Exponential average whose memory grows with the steps until it reaches ``decay``.

    With a fixed decay the random start weighs more than the training for the first 1 / (1 - decay) steps.
    """

    @torch.no_grad()
    def update(averages: Sequence[Tensor], values: Sequence[Tensor], steps: Tensor | int) -> None:
        keep = min(decay, (1 + int(steps)) / (10 + int(steps)))
        for average, value in zip(averages, values, strict=True):
            if average.is_floating_point():
                average.lerp_(value, 1 - keep)
            else:
                average.copy_(value)

    return update


def initialize(model: nn.Module) -> None:
    """Draw the weights of convolutions from torch's global generator."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            if name.endswith("logits"):
                # No batch norm follows: by its fan-out of a few classes it would start with logits around 10.
                nn.init.normal_(module.weight, std=0.01)
            else:
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def mixed_seed(*parts: int) -> int:
    """A 64-bit seed from several numbers."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0])
