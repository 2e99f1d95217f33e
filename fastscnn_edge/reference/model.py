"""Fast-SCNN in PyTorch, in the order data flows (arXiv 1902.04502, Table 1).

Input is a normalized image, NCHW float32; output is logits on the 1/8 grid. The x8 upsampling
is not part of the model: the runtime does it exactly and lazily, training does it in its loss.

Two dialects are in use and differ in ways that a weight file does not record:

===================================  ==================  ======================
                                     ``mmseg``           ``paper`` (Tramac style)
===================================  ==================  ======================
first convolution's padding          1                   0
ReLU between depthwise / pointwise   no                  yes
conv after the pyramid               3x3                 1x1
fusion's 1x1 convs carry a bias      no                  yes
bilinear resize                      half-pixel centers  align_corners
auxiliary heads                      lower and higher    higher only
===================================  ==================  ======================
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .dialects import DIALECTS, POOL_BINS, Dialect


def resize(x: Tensor, size: tuple[int, int] | torch.Size, align_corners: bool) -> Tensor:
    """Bilinear resize of NCHW to (height, width)."""
    return F.interpolate(x, tuple(size), mode="bilinear", align_corners=align_corners)


class ConvBN(nn.Module):
    """Convolution, batch norm and (unless ``relu=False``) ReLU."""

    def __init__(
        self,
        cin: int,
        cout: int,
        kernel: int = 1,
        stride: int = 1,
        *,
        padding: int | None = None,
        groups: int = 1,
        bias: bool = False,
        relu: bool = True,
    ) -> None:
        super().__init__()
        padding = kernel // 2 if padding is None else padding
        self.conv = nn.Conv2d(cin, cout, kernel, stride, padding, groups=groups, bias=bias)
        self.bn = nn.BatchNorm2d(cout)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x))
        return F.relu(x, inplace=True) if self.relu else x


class DSConv(nn.Module):
    """Depthwise-separable convolution."""

    def __init__(self, cin: int, cout: int, stride: int, relu_between: bool) -> None:
        super().__init__()
        self.depthwise = ConvBN(cin, cin, 3, stride, groups=cin, relu=relu_between)
        self.pointwise = ConvBN(cin, cout)

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise(self.depthwise(x))


class Bottleneck(nn.Module):
    """Inverted residual of MobileNetV2: expand x6, depthwise, project linearly."""

    def __init__(self, cin: int, cout: int, stride: int, expansion: int = 6) -> None:
        super().__init__()
        hidden = cin * expansion
        self.expand = ConvBN(cin, hidden)
        self.depthwise = ConvBN(hidden, hidden, 3, stride, groups=hidden)
        self.project = ConvBN(hidden, cout, relu=False)
        self.residual = stride == 1 and cin == cout

    def forward(self, x: Tensor) -> Tensor:
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.residual else y


class LearningToDownsample(nn.Module):
    """RGB to 64 channels at 1/8."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__()
        self.conv = ConvBN(3, 32, 3, 2, padding=dialect.first_padding)  # [N, 32, ~H/2, ~W/2]
        self.dsconv1 = DSConv(32, 48, 2, dialect.relu_between)  # [N, 48, ~H/4, ~W/4]
        self.dsconv2 = DSConv(48, 64, 2, dialect.relu_between)  # [N, 64, ~H/8, ~W/8]

    def forward(self, x: Tensor) -> Tensor:
        return self.dsconv2(self.dsconv1(self.conv(x)))


class PyramidPooling(nn.Module):
    """Context from 1, 4, 9 and 36 regions, each resized back and concatenated (PSPNet)."""

    def __init__(self, channels: int, align_corners: bool) -> None:
        super().__init__()
        self.branches = nn.ModuleList(ConvBN(channels, channels // 4) for _ in POOL_BINS)
        self.align_corners = align_corners
        # Replaceable: not every exporter can write this operation.
        self.pool: Callable[[Tensor, int], Tensor] = F.adaptive_avg_pool2d

    def forward(self, x: Tensor) -> Tensor:
        levels = [x]
        for bins, branch in zip(POOL_BINS, self.branches, strict=True):
            pooled = branch(self.pool(x, bins))
            levels.append(resize(pooled, x.shape[2:], self.align_corners))
        return torch.cat(levels, 1)


class GlobalFeatureExtractor(nn.Module):
    """64 channels at 1/8 to 128 channels at 1/32."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__()
        self.bottleneck1 = self._stage(64, 64, stride=2)
        self.bottleneck2 = self._stage(64, 96, stride=2)
        self.bottleneck3 = self._stage(96, 128, stride=1)
        self.pyramid = PyramidPooling(128, dialect.align_corners)
        self.out = ConvBN(256, 128, dialect.pyramid_kernel)

    @staticmethod
    def _stage(cin: int, cout: int, stride: int) -> nn.Sequential:
        return nn.Sequential(Bottleneck(cin, cout, stride), Bottleneck(cout, cout, 1), Bottleneck(cout, cout, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.bottleneck3(self.bottleneck2(self.bottleneck1(x)))
        return self.out(self.pyramid(x))


class FeatureFusion(nn.Module):
    """Adds the global branch, resized to 1/8, to the detail branch."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__()
        self.depthwise = ConvBN(128, 128, 3, groups=128)
        self.lower = ConvBN(128, 128, bias=dialect.fusion_bias, relu=False)
        self.higher = ConvBN(64, 128, bias=dialect.fusion_bias, relu=False)
        self.align_corners = dialect.align_corners

    def forward(self, higher: Tensor, lower: Tensor) -> Tensor:
        lower = resize(lower, higher.shape[2:], self.align_corners)
        return F.relu(self.lower(self.depthwise(lower)) + self.higher(higher))


class Classifier(nn.Module):
    """Two depthwise-separable convolutions and the 1x1 that makes logits."""

    def __init__(self, num_classes: int, relu_between: bool) -> None:
        super().__init__()
        self.dsconv1 = DSConv(128, 128, 1, relu_between)
        self.dsconv2 = DSConv(128, 128, 1, relu_between)
        self.dropout = nn.Dropout2d(0.1)
        self.logits = nn.Conv2d(128, num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.logits(self.dropout(self.dsconv2(self.dsconv1(x))))


class AuxiliaryHead(nn.Module):
    """Training-time classifier on an inner feature map; never exported."""

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.conv = ConvBN(channels, 32, 3)
        self.dropout = nn.Dropout2d(0.1)
        self.logits = nn.Conv2d(32, num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.logits(self.dropout(self.conv(x)))


class FastSCNN(nn.Module):
    """The two-branch network.

    Args:
        num_classes: number of logits.
        dialect: a key of :data:`DIALECTS`.
        auxiliary: also build the training heads.
    """

    def __init__(self, num_classes: int, dialect: str = "mmseg", auxiliary: bool = False) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.dialect = DIALECTS[dialect]
        self.learning_to_downsample = LearningToDownsample(self.dialect)
        self.global_feature_extractor = GlobalFeatureExtractor(self.dialect)
        self.feature_fusion = FeatureFusion(self.dialect)
        self.classifier = Classifier(num_classes, self.dialect.relu_between)
        channels = {"lower": 128, "higher": 64}
        heads = self.dialect.auxiliary if auxiliary else ()
        self.auxiliary = nn.ModuleDict({name: AuxiliaryHead(channels[name], num_classes) for name in heads})

    def forward(self, x: Tensor) -> Tensor:
        """Logits [N, num_classes, ~H/8, ~W/8] for normalized images [N, 3, H, W]."""
        return self.forward_with_auxiliary(x)[0]

    def forward_with_auxiliary(self, x: Tensor) -> list[Tensor]:
        """The main logits, then those of each training head that was built."""
        higher = self.learning_to_downsample(x)
        lower = self.global_feature_extractor(higher)
        logits = [self.classifier(self.feature_fusion(higher, lower))]
        features = {"lower": lower, "higher": higher}
        return logits + [head(features[name]) for name, head in self.auxiliary.items()]
