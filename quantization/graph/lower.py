"""The PyTorch model becomes a float graph: batch norms and input normalization folded, sizes fixed.

The only module below ``reference`` that touches torch tensors on the way to an artifact.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import nn

from ...errors import CheckpointError
from ...reference.dialects import DIALECTS, POOL_BINS
from ...reference.model import Bottleneck, ConvBN, DSConv, FastSCNN
from ...spec import Normalization
from .graph import Add, Concat, Conv, Graph, Level, Op, Pool, Resize, Tensor, output_extent, used_padding

INPUT_ZERO = 128.0
"""Every graph takes ``pixel - INPUT_ZERO``: its int8 form is the pixel with the top bit flipped."""


def lower(model: FastSCNN, normalization: Normalization, height: int, width: int) -> Graph:
    """Float graph of ``model`` for pictures of one size.

    Args:
        model: in evaluation mode; training heads are left out.
        normalization: the one the weights were trained with.
        height, width: in pixels, any size of at least 32. Nothing is padded to a multiple: an extent n
            becomes ceil-like n/2 at each stride-2 convolution, and the coarse branch is resized to the
            fine branch's own extent, as the model does in training.
    """
    builder = _Builder(normalization, height, width)
    x = builder.first_conv(model.learning_to_downsample.conv)
    x = builder.ds_conv("downsample1", model.learning_to_downsample.dsconv1, x)
    higher = builder.ds_conv("downsample2", model.learning_to_downsample.dsconv2, x)
    lower_branch = builder.global_features(model, higher)
    x = builder.fusion(model, higher, lower_branch)
    x = builder.ds_conv("classifier1", model.classifier.dsconv1, x)
    x = builder.ds_conv("classifier2", model.classifier.dsconv2, x)
    weight, bias = _arrays(model.classifier.logits, None)
    x = builder.conv("logits", x, weight, bias, relu=False)
    return Graph(tuple(builder.ops), builder.tensors, "input", x)


def skeleton(classes: int, dialect: str, normalization: Normalization, height: int, width: int) -> Graph:
    """A graph of the right shapes with meaningless weights, to be filled from a file.

    Raises:
        CheckpointError: no such dialect.
    """
    if dialect not in DIALECTS:
        raise CheckpointError(f"unknown dialect {dialect!r}; known: {', '.join(DIALECTS)}")
    return lower(FastSCNN(classes, dialect).eval(), normalization, height, width)


class _Builder:
    """Appends operations; every method returns the name of the tensor it made."""

    def __init__(self, normalization: Normalization, height: int, width: int) -> None:
        self.normalization = normalization
        self.ops: list[Op] = []
        self.tensors = {"input": Tensor("input", (1, height, width, 3))}

    def activation(self, name: str, height: int, width: int, channels: int) -> str:
        self.tensors[name] = Tensor(name, (1, height, width, channels))
        return name

    def constant(self, name: str, data: np.ndarray) -> str:
        self.tensors[name] = Tensor(name, data.shape, data=np.ascontiguousarray(data, np.float32))
        return name

    def size(self, name: str) -> tuple[int, int]:
        return self.tensors[name].shape[1], self.tensors[name].shape[2]

    def conv(
        self,
        name: str,
        x: str,
        weight: np.ndarray,
        bias: np.ndarray,
        *,
        relu: bool,
        stride: int = 1,
        pad: int = 0,
        depthwise: bool = False,
    ) -> str:
        """Append a convolution whose weight is already [O, kh, kw, I] or, depthwise, [1, kh, kw, C]."""
        kernel, channels = weight.shape[1], bias.shape[0]
        (height, width) = self.size(x)
        top, bottom = used_padding(height, kernel, stride, pad)
        left, right = used_padding(width, kernel, stride, pad)
        output = self.activation(
            name,
            output_extent(height, kernel, stride, top, bottom),
            output_extent(width, kernel, stride, left, right),
            channels,
        )
        weight_name = self.constant(f"{name}/weight", weight)
        bias_name = self.constant(f"{name}/bias", bias)
        padding = (top, bottom, left, right)
        self.ops.append(Conv(x, weight_name, bias_name, output, stride, padding, relu, depthwise))
        return output

    def conv_bn(self, name: str, module: ConvBN, x: str) -> str:
        weight, bias = _arrays(module.conv, module.bn)
        depthwise = module.conv.groups > 1
        if depthwise:
            weight = weight.transpose(3, 1, 2, 0)  # [C, kh, kw, 1] -> [1, kh, kw, C]
        pad, stride = _int(module.conv.padding), _int(module.conv.stride)
        return self.conv(name, x, weight, bias, relu=module.relu, stride=stride, pad=pad, depthwise=depthwise)

    def first_conv(self, module: ConvBN) -> str:
        """The stem, with (pixel - mean) / std folded in.

        Zero padding means "pixel = mean" to the trained weights. Where the mean is 128 that is the
        graph's own zero; elsewhere a border of that value is put around the picture, which keeps the
        folding exact at the edge too.
        """
        weight, bias = _arrays(module.conv, module.bn)
        mean, std = (np.array(v) for v in (self.normalization.mean, self.normalization.std))
        weight = weight / std
        bias = bias + (weight * (INPUT_ZERO - mean)).sum((1, 2, 3))
        pad, stride, x = _int(module.conv.padding), _int(module.conv.stride), "input"
        border = mean - INPUT_ZERO
        if pad and np.any(border != 0):
            x, pad = self.bordered(x, border, module.conv.kernel_size[0], stride, pad), 0
        return self.conv("stem", x, weight, bias, relu=module.relu, stride=stride, pad=pad)

    def bordered(self, x: str, value: np.ndarray, kernel: int, stride: int, pad: int) -> str:
        """Put constant pixels around a picture where the next convolution would pad."""
        for axis, edge in ((1, "rows"), (2, "columns")):
            shape = list(self.tensors[x].shape)
            before, after = used_padding(shape[axis], kernel, stride, pad)
            inputs = [x]
            for place, count in (("before", before), ("after", after)):
                if count:
                    strip = [*shape[:axis], count, *shape[axis + 1 :]]
                    name = self.constant(f"border/{edge}_{place}", np.broadcast_to(value, strip))
                    inputs.insert(0 if place == "before" else len(inputs), name)
            shape[axis] += before + after
            output = self.activation(f"border/{edge}", shape[1], shape[2], shape[3])
            self.ops.append(Concat(tuple(inputs), output, axis))
            x = output
        return x

    def ds_conv(self, name: str, module: DSConv, x: str) -> str:
        x = self.conv_bn(f"{name}/depthwise", module.depthwise, x)
        return self.conv_bn(f"{name}/pointwise", module.pointwise, x)

    def bottleneck(self, name: str, module: Bottleneck, x: str) -> str:
        y = self.conv_bn(f"{name}/expand", module.expand, x)
        y = self.conv_bn(f"{name}/depthwise", module.depthwise, y)
        y = self.conv_bn(f"{name}/project", module.project, y)
        return self.add(f"{name}/add", x, y, relu=False) if module.residual else y

    def add(self, name: str, a: str, b: str, *, relu: bool) -> str:
        output = self.activation(name, *self.tensors[a].shape[1:])
        self.ops.append(Add((a, b), output, relu))
        return output

    def resize(self, name: str, x: str, size: tuple[int, int], align_corners: bool) -> str:
        if self.size(x) == size:
            return x
        output = self.activation(name, *size, self.tensors[x].shape[3])
        self.ops.append(Resize(x, output, align_corners))
        return output

    def global_features(self, model: FastSCNN, x: str) -> str:
        extractor = model.global_feature_extractor
        for stage, blocks in enumerate((extractor.bottleneck1, extractor.bottleneck2, extractor.bottleneck3), 1):
            for index, block in enumerate(blocks, 1):
                assert isinstance(block, Bottleneck)
                x = self.bottleneck(f"bottleneck{stage}.{index}", block, x)
        x = self.pyramid(extractor.pyramid.branches, x, model.dialect.align_corners)
        return self.conv_bn("pyramid/out", extractor.out, x)

    def pyramid(self, branches: nn.ModuleList, x: str, align_corners: bool) -> str:
        height, width = self.size(x)
        channels = self.tensors[x].shape[3]
        weight = self.constant("pyramid/pool/weight", pooling_matrix(height, width, POOL_BINS))
        pooled = self.activation("pyramid/pool", 1, self.tensors[weight].shape[0], channels)
        self.ops.append(Pool(x, weight, pooled))
        levels, start = [x], 0
        for bins, branch in zip(POOL_BINS, branches, strict=True):
            assert isinstance(branch, ConvBN)
            level = self.activation(f"pyramid/pool{bins}", bins, bins, channels)
            self.ops.append(Level(pooled, level, start, bins))
            y = self.conv_bn(f"pyramid/branch{bins}", branch, level)
            levels.append(self.resize(f"pyramid/resize{bins}", y, (height, width), align_corners))
            start += bins * bins
        output = self.activation("pyramid/concat", height, width, sum(self.tensors[n].shape[3] for n in levels))
        self.ops.append(Concat(tuple(levels), output, 3))
        return output

    def fusion(self, model: FastSCNN, higher: str, lower_branch: str) -> str:
        module = model.feature_fusion
        y = self.resize("fusion/resize", lower_branch, self.size(higher), module.align_corners)
        y = self.conv_bn("fusion/depthwise", module.depthwise, y)
        y = self.conv_bn("fusion/lower", module.lower, y)
        x = self.conv_bn("fusion/higher", module.higher, higher)
        return self.add("fusion/add", y, x, relu=True)


def pooling_matrix(height: int, width: int, levels: Sequence[int]) -> np.ndarray:
    """Adaptive average pooling as a matrix, float32 [sum of bins squared, height * width].

    Bin i of n covers floor(i * size / n) up to ceil((i + 1) * size / n), PyTorch's rule; the bins
    overlap where n does not divide the size.
    """
    rows = [np.kron(_bins(height, n), _bins(width, n)) for n in levels]
    return np.concatenate(rows).astype(np.float32)


def _bins(size: int, count: int) -> np.ndarray:
    """float64 [count, size], row i holds 1/length over its bin."""
    matrix = np.zeros((count, size))
    for i in range(count):
        start, stop = i * size // count, -(-(i + 1) * size // count)
        matrix[i, start:stop] = 1 / (stop - start)
    return matrix


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


def _int(value: tuple[int, ...] | str) -> int:
    assert not isinstance(value, str)
    return value[0]
