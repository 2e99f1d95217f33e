"""Models of one logit, a sigmoid's: rewritten so that they have two classes like every other."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def two_logits(state: dict[str, Tensor], layers: list[str], threshold: float) -> dict[str, Tensor]:
    """Copy ``state`` with each of ``layers``, 1x1 convolutions of one output channel, extended to two.

    A sigmoid above the threshold t is a logit z above log(t / (1 - t)). The first channel becomes the constant 0 and
    the second z minus that bound: the greater of both is class 1 exactly where the sigmoid is above t, also after a
    bilinear interpolation, which keeps constants.

    Args:
        state: tensors by name.
        layers: names without ``.weight`` and ``.bias``; those that are absent are skipped.
        threshold: of the sigmoid, above 0 and below 1.
    """
    bound = math.log(threshold / (1 - threshold))
    result = dict(state)
    for layer in layers:
        weight, bias = state.get(f"{layer}.weight"), state.get(f"{layer}.bias")
        if weight is not None and bias is not None and weight.shape[:1] == bias.shape == (1,):
            result[f"{layer}.weight"] = torch.cat([torch.zeros_like(weight), weight])
            result[f"{layer}.bias"] = torch.cat([torch.zeros_like(bias), bias - bound])
    return result
