"""Fast-SCNN as a float graph, from arrays only, operation by operation (arXiv 1902.04502, Table 1).

No torch here: a quantized file is exported to .tflite or .onnx where torch is not installed.
Widths are read from the weights, so a narrower or wider network of the same shape is built alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...errors import CheckpointError
from ...reference.dialects import POOL_BINS, Dialect
from .graph import Add, Concat, Conv, Graph, Level, Op, Pool, Resize, Tensor, output_extent, used_padding

INPUT_ZERO = 128.0
"""Offset of every graph's input, ``pixel - INPUT_ZERO``: its int8 form is the pixel with the top bit flipped."""

BLOCKS = 3
"""Bottlenecks in each stage of the global feature extractor; the first of stages 1 and 2 has stride 2."""

Weights = Callable[[str], tuple[np.ndarray, np.ndarray]]
"""Layer name to its weight, [O, kh, kw, I] or depthwise [1, kh, kw, C], and bias [O]; normalization folded in."""


def build_network(dialect: Dialect, weights: Weights, border: np.ndarray, height: int, width: int) -> Graph:
    """Float graph for images of one size.

    Args:
        dialect: the variant of the network.
        weights: the arrays of each layer, asked for in the order of the graph.
        border: [3] what the stem's padding is filled with, on the scale of ``pixel - INPUT_ZERO``: the mean of the
            weights' normalization, since zero padding means "pixel = mean" to them.
        height, width: in pixels, any size of at least 32. Nothing is padded to a multiple: an extent n
            becomes ceil-like n/2 at each stride-2 convolution, and the coarse branch is resized to the
            fine branch's own extent, as the model does in training.

    Raises:
        CheckpointError: a weight has the wrong shape, or is not finite in float32.
    """
    builder = _Builder(dialect, weights, height, width)
    x = builder.stem(border)
    x = builder.separable("downsample1", x, stride=2)
    higher = builder.separable("downsample2", x, stride=2)
    x = builder.fusion(higher, builder.global_features(higher))
    x = builder.separable("classifier1", x)
    x = builder.separable("classifier2", x)
    x = builder.conv("logits", x, kernel=1, relu=False)
    return Graph(tuple(builder.ops), builder.tensors, "input", x)


class _Builder:
    """Appends operations; every method returns the name of the tensor it made."""

    def __init__(self, dialect: Dialect, weights: Weights, height: int, width: int) -> None:
        self.dialect, self.weights = dialect, weights
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

    def channels(self, name: str) -> int:
        return self.tensors[name].shape[3]

    def conv(
        self,
        name: str,
        x: str,
        *,
        kernel: int,
        relu: bool = True,
        stride: int = 1,
        pad: int | None = None,
        depthwise: bool = False,
    ) -> str:
        """Append the convolution ``name``; padded to keep its extent at stride 1 unless ``pad`` is given."""
        weight, bias = self.weights(name)
        inputs = self.channels(x)
        fits = (1, kernel, kernel, inputs) if depthwise else (len(bias), kernel, kernel, inputs)
        if weight.shape != fits or bias.shape != (weight.shape[3 if depthwise else 0],):
            raise CheckpointError(
                f"layer {name} has a weight of shape {list(weight.shape)} and {len(bias)} biases, which does not fit "
                f"an input of {inputs} channels; expected {list(fits)}"
            )
        if not all((np.abs(values) <= np.finfo(np.float32).max).all() for values in (weight, bias)):
            raise CheckpointError(
                f"the weights of layer {name} are beyond float32 once its batch norm is folded in: the checkpoint is "
                "damaged or its training diverged"
            )
        pad = kernel // 2 if pad is None else pad
        height, width = self.size(x)
        top, bottom = used_padding(height, kernel, stride, pad)
        left, right = used_padding(width, kernel, stride, pad)
        output = self.activation(
            name,
            output_extent(height, kernel, stride, top, bottom),
            output_extent(width, kernel, stride, left, right),
            len(bias),
        )
        names = self.constant(f"{name}/weight", weight), self.constant(f"{name}/bias", bias)
        self.ops.append(Conv(x, *names, output, stride, (top, bottom, left, right), relu, depthwise))
        return output

    def stem(self, border: np.ndarray) -> str:
        """The first convolution. Where the mean is 128 its padding is the graph's own zero; elsewhere a border of the
        mean is put around the image, which keeps the folded normalization exact at the edge too."""
        x, pad = "input", self.dialect.first_padding
        if pad and np.any(border != 0):
            x, pad = self.bordered(x, border, 3, 2, pad), 0
        return self.conv("stem", x, kernel=3, stride=2, pad=pad)

    def bordered(self, x: str, value: np.ndarray, kernel: int, stride: int, pad: int) -> str:
        """Put constant pixels around an image where the next convolution would pad."""
        for axis, edge in ((1, "rows"), (2, "columns")):
            shape = list(self.tensors[x].shape)
            before, after = used_padding(shape[axis], kernel, stride, pad)
            inputs = [x]
            for position, count in (("before", before), ("after", after)):
                if count:
                    strip = [*shape[:axis], count, *shape[axis + 1 :]]
                    name = self.constant(f"border/{edge}_{position}", np.broadcast_to(value, strip))
                    inputs.insert(0 if position == "before" else len(inputs), name)
            shape[axis] += before + after
            output = self.activation(f"border/{edge}", shape[1], shape[2], shape[3])
            self.ops.append(Concat(tuple(inputs), output, axis))
            x = output
        return x

    def separable(self, name: str, x: str, stride: int = 1) -> str:
        x = self.conv(f"{name}/depthwise", x, kernel=3, stride=stride, relu=self.dialect.relu_between, depthwise=True)
        return self.conv(f"{name}/pointwise", x, kernel=1)

    def bottleneck(self, name: str, x: str, stride: int) -> str:
        y = self.conv(f"{name}/expand", x, kernel=1)
        y = self.conv(f"{name}/depthwise", y, kernel=3, stride=stride, depthwise=True)
        y = self.conv(f"{name}/project", y, kernel=1, relu=False)
        residual = stride == 1 and self.channels(x) == self.channels(y)
        return self.add(f"{name}/add", x, y, relu=False) if residual else y

    def add(self, name: str, a: str, b: str, *, relu: bool) -> str:
        if self.channels(a) != self.channels(b):
            raise CheckpointError(f"{name} adds {self.channels(a)} channels to {self.channels(b)}")
        output = self.activation(name, *self.tensors[a].shape[1:])
        self.ops.append(Add((a, b), output, relu))
        return output

    def resize(self, name: str, x: str, size: tuple[int, int]) -> str:
        if self.size(x) == size:
            return x
        output = self.activation(name, *size, self.channels(x))
        self.ops.append(Resize(x, output, self.dialect.align_corners))
        return output

    def global_features(self, x: str) -> str:
        for stage, first_stride in ((1, 2), (2, 2), (3, 1)):
            for block in range(1, BLOCKS + 1):
                x = self.bottleneck(f"bottleneck{stage}.{block}", x, first_stride if block == 1 else 1)
        return self.conv("pyramid/out", self.pyramid(x), kernel=self.dialect.pyramid_kernel)

    def pyramid(self, x: str) -> str:
        height, width = self.size(x)
        channels = self.channels(x)
        weight = self.constant("pyramid/pool/weight", pooling_matrix(height, width, POOL_BINS))
        pooled = self.activation("pyramid/pool", 1, self.tensors[weight].shape[0], channels)
        self.ops.append(Pool(x, weight, pooled))
        levels, start = [x], 0
        for bins in POOL_BINS:
            level = self.activation(f"pyramid/pool{bins}", bins, bins, channels)
            self.ops.append(Level(pooled, level, start, bins))
            y = self.conv(f"pyramid/branch{bins}", level, kernel=1)
            levels.append(self.resize(f"pyramid/resize{bins}", y, (height, width)))
            start += bins * bins
        output = self.activation("pyramid/concat", height, width, sum(map(self.channels, levels)))
        self.ops.append(Concat(tuple(levels), output, 3))
        return output

    def fusion(self, higher: str, lower: str) -> str:
        y = self.resize("fusion/resize", lower, self.size(higher))
        y = self.conv("fusion/depthwise", y, kernel=3, depthwise=True)
        y = self.conv("fusion/lower", y, kernel=1, relu=False)
        x = self.conv("fusion/higher", higher, kernel=1, relu=False)
        return self.add("fusion/add", y, x, relu=True)


def pooling_matrix(height: int, width: int, levels: Sequence[int]) -> np.ndarray:
    """Adaptive average pooling as a matrix, float32 [sum of bins squared, height * width].

    Bin i of n covers floor(i * size / n) up to ceil((i + 1) * size / n), PyTorch's rule; the bins
    overlap where n does not divide the size.
    """
    rows = [np.kron(_bins(height, n), _bins(width, n)) for n in levels]
    return np.concatenate(rows).astype(np.float32)


def _bins(size: int, count: int) -> np.ndarray:
    """Averaging matrix float64 [count, size]: row i holds 1/length over its bin."""
    matrix = np.zeros((count, size))
    for i in range(count):
        start, stop = i * size // count, -(-(i + 1) * size // count)
        matrix[i, start:stop] = 1 / (stop - start)
    return matrix
