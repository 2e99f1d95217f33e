"""Fast-SCNN as Tramac's Fast-SCNN-pytorch names its tensors: a second, independent statement of that layout.

Written from the key names and the arithmetic they stand for; it shares no code with the package.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

State = dict[str, Tensor]


def random_state(classes: int, seed: int = 0) -> State:
    """A complete state dict with random weights, training head included."""
    generator = torch.Generator().manual_seed(seed)
    state: State = {}

    def conv(name: str, cout: int, cin: int, kernel: int, bias: bool = False) -> None:
        scale = (2 / (cin * kernel * kernel)) ** 0.5
        state[f"{name}.weight"] = scale * torch.randn(cout, cin, kernel, kernel, generator=generator)
        if bias:
            state[f"{name}.bias"] = 0.1 * torch.randn(cout, generator=generator)

    def norm(name: str, channels: int) -> None:
        state[f"{name}.weight"] = 0.5 + torch.rand(channels, generator=generator)
        state[f"{name}.bias"] = 0.2 * torch.randn(channels, generator=generator)
        state[f"{name}.running_mean"] = 0.2 * torch.randn(channels, generator=generator)
        state[f"{name}.running_var"] = 0.5 + torch.rand(channels, generator=generator)
        state[f"{name}.num_batches_tracked"] = torch.tensor(12)

    def conv_norm(name: str, cout: int, cin: int, kernel: int, first: int = 0, bias: bool = False) -> None:
        conv(f"{name}.{first}", cout, cin, kernel, bias)
        norm(f"{name}.{first + 1}", cout)

    def separable(name: str, cin: int, cout: int) -> None:
        conv_norm(f"{name}.conv", cin, 1, 3)
        conv_norm(f"{name}.conv", cout, cin, 1, first=3)

    conv_norm("learning_to_downsample.conv.conv", 32, 3, 3)
    separable("learning_to_downsample.dsconv1", 32, 48)
    separable("learning_to_downsample.dsconv2", 48, 64)
    for stage, channels in enumerate(((64, 64, 64, 64), (64, 96, 96, 96), (96, 128, 128, 128)), 1):
        for index in range(3):
            cin, cout = channels[index], channels[index + 1]
            block = f"global_feature_extractor.bottleneck{stage}.{index}.block"
            conv_norm(f"{block}.0.conv", 6 * cin, cin, 1)
            conv_norm(f"{block}.1.conv", 6 * cin, 1, 3)
            conv_norm(block, cout, 6 * cin, 1, first=2)
    for level in (1, 2, 3, 4):
        conv_norm(f"global_feature_extractor.ppm.conv{level}.conv", 32, 128, 1)
    conv_norm("global_feature_extractor.ppm.out.conv", 128, 256, 1)
    conv_norm("feature_fusion.dwconv.conv", 128, 1, 3)
    conv_norm("feature_fusion.conv_lower_res", 128, 128, 1, bias=True)
    conv_norm("feature_fusion.conv_higher_res", 128, 64, 1, bias=True)
    separable("classifier.dsconv1", 128, 128)
    separable("classifier.dsconv2", 128, 128)
    conv("classifier.conv.1", classes, 128, 1, bias=True)
    conv_norm("auxlayer", 32, 64, 3)
    conv("auxlayer.4", classes, 32, 1, bias=True)
    return state


def logits(state: State, x: Tensor) -> Tensor:
    """The 1/8 logits of that network in evaluation mode, for [N, 3, H, W]."""

    def conv_norm(name: str, x: Tensor, first: int = 0, stride: int = 1, padding: int = 0, relu: bool = True) -> Tensor:
        weight = state[f"{name}.{first}.weight"]
        groups = x.shape[1] // weight.shape[1]
        x = F.conv2d(x, weight, state.get(f"{name}.{first}.bias"), stride, padding, groups=groups)
        scale, shift, mean, variance = (
            state[f"{name}.{first + 1}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
        )
        x = F.batch_norm(x, mean, variance, scale, shift)
        return F.relu(x) if relu else x

    def separable(name: str, x: Tensor, stride: int) -> Tensor:
        return conv_norm(f"{name}.conv", conv_norm(f"{name}.conv", x, stride=stride, padding=1), first=3)

    def upsample(x: Tensor, size: torch.Size) -> Tensor:
        return F.interpolate(x, size, mode="bilinear", align_corners=True)

    x = conv_norm("learning_to_downsample.conv.conv", x, stride=2)
    x = separable("learning_to_downsample.dsconv1", x, 2)
    higher = x = separable("learning_to_downsample.dsconv2", x, 2)
    for stage in (1, 2, 3):
        for index in range(3):
            block = f"global_feature_extractor.bottleneck{stage}.{index}.block"
            stride = 2 if index == 0 and stage < 3 else 1
            y = conv_norm(f"{block}.0.conv", x)
            y = conv_norm(f"{block}.1.conv", y, stride=stride, padding=1)
            y = conv_norm(block, y, first=2, relu=False)
            x = y if index == 0 else x + y
    levels = [x]
    for level, bins in enumerate((1, 2, 3, 6), 1):
        pooled = conv_norm(f"global_feature_extractor.ppm.conv{level}.conv", F.adaptive_avg_pool2d(x, bins))
        levels.append(upsample(pooled, x.shape[2:]))
    x = conv_norm("global_feature_extractor.ppm.out.conv", torch.cat(levels, 1))
    x = conv_norm("feature_fusion.dwconv.conv", upsample(x, higher.shape[2:]), padding=1)
    lower = conv_norm("feature_fusion.conv_lower_res", x, relu=False)
    x = F.relu(lower + conv_norm("feature_fusion.conv_higher_res", higher, relu=False))
    x = separable("classifier.dsconv2", separable("classifier.dsconv1", x, 1), 1)
    return F.conv2d(x, state["classifier.conv.1.weight"], state["classifier.conv.1.bias"])
