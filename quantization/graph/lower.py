"""Lowering of the PyTorch model to a float graph: batch norms and input normalization folded, sizes fixed.

The only module between ``reference`` and a written file that uses torch's tensors.
"""

from __future__ import annotations

import numpy as np
from torch import nn

from ...reference.dialects import POOL_BINS
from ...reference.model import Bottleneck, ConvBN, DSConv, FastSCNN
from ...spec import Normalization
from .graph import Graph
from .network import INPUT_ZERO, build_network


def lower(model: FastSCNN, normalization: Normalization, height: int, width: int) -> Graph:
    """Float graph of ``model`` for images of one size; see :func:`.network.build_network`.

    Args:
        model: in evaluation mode; training heads are left out.
        normalization: the one the weights were trained with.
        height, width: in pixels, any size of at least 32.
    """
    layers = _layers(model)
    mean = np.array(normalization.mean)

    def weights(name: str) -> tuple[np.ndarray, np.ndarray]:
        if name == "logits":
            return _arrays(model.classifier.logits, None)
        module = layers[name]
        weight, bias = _arrays(module.conv, module.bn)
        if name == "stem":  # (pixel - mean) / std is folded in
            weight = weight / np.array(normalization.std)
            bias = bias + (weight * (INPUT_ZERO - mean)).sum((1, 2, 3))
        if module.conv.groups > 1:
            weight = weight.transpose(3, 1, 2, 0)  # [C, kh, kw, 1] -> [1, kh, kw, C]
        return weight, bias

    return build_network(model.dialect, weights, mean - INPUT_ZERO, height, width)


def _layers(model: FastSCNN) -> dict[str, ConvBN]:
    """Every convolution with a batch norm: name in the graph -> module."""
    downsample, extractor, fusion = (
        model.learning_to_downsample,
        model.global_feature_extractor,
        model.feature_fusion,
    )
    layers = {"stem": downsample.conv, "pyramid/out": extractor.out}
    separable: dict[str, DSConv] = {
        "downsample1": downsample.dsconv1,
        "downsample2": downsample.dsconv2,
        "classifier1": model.classifier.dsconv1,
        "classifier2": model.classifier.dsconv2,
    }
    for name, module in separable.items():
        layers |= {f"{name}/depthwise": module.depthwise, f"{name}/pointwise": module.pointwise}
    for stage, blocks in enumerate((extractor.bottleneck1, extractor.bottleneck2, extractor.bottleneck3), 1):
        for index, block in enumerate(blocks, 1):
            assert isinstance(block, Bottleneck)
            name = f"bottleneck{stage}.{index}"
            layers |= {f"{name}/expand": block.expand, f"{name}/depthwise": block.depthwise}
            layers[f"{name}/project"] = block.project
    for bins, branch in zip(POOL_BINS, extractor.pyramid.branches, strict=True):
        assert isinstance(branch, ConvBN)
        layers[f"pyramid/branch{bins}"] = branch
    layers |= {"fusion/depthwise": fusion.depthwise, "fusion/lower": fusion.lower, "fusion/higher": fusion.higher}
    return layers


def _arrays(conv: nn.Conv2d, bn: nn.Module | None) -> tuple[np.ndarray, np.ndarray]:
    """Weight [O, kh, kw, I] and bias [O], float64, with the batch norm folded in."""
    weight = conv.weight.detach().double().numpy().transpose(0, 2, 3, 1)
    bias = np.zeros(len(weight)) if conv.bias is None else conv.bias.detach().double().numpy()
    if bn is None:
        return weight, bias
    assert isinstance(bn, nn.BatchNorm2d) and bn.running_mean is not None and bn.running_var is not None
    mean, variance, gamma, beta = (
        v.detach().double().numpy() for v in (bn.running_mean, bn.running_var, bn.weight, bn.bias)
    )
    factor = gamma / np.sqrt(variance + bn.eps)
    return weight * factor[:, None, None, None], (bias - mean) * factor + beta
