"""The one graph that both quantization paths end in and every exporter starts from.

Plain data: a list of operations on named tensors, in the order they run. A float graph and a
quantized graph have the same operations; quantizing changes only the tensors. Where named layers are
to stay float or get int16 activations (:mod:`.mixed_precision`), :class:`Convert` stands between the kinds of
numbers. Activations are NHWC, batch 1. Real value = scale * (integer - zero_point).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

Padding = tuple[int, int, int, int]
"""Number of zero rows and columns added: top, bottom, left, right."""


@dataclass(frozen=True)
class Quantization:
    """Mapping from integers to reals: real = scale * (integer - zero_point).

    Attributes:
        scale: float32 [1] for the whole tensor, or [C] along ``axis``.
        zero_point: the integer for real 0; 0 for weights.
        axis: dimension of the per-channel scales, None if there is one scale.
    """

    scale: np.ndarray
    zero_point: int = 0
    axis: int | None = None

    def __post_init__(self) -> None:
        if self.scale.dtype != np.float32 or self.scale.ndim != 1:
            raise ValueError("scale is a float32 vector")
        if self.axis is None and len(self.scale) != 1:
            raise ValueError("several scales need an axis")
        if not (np.isfinite(self.scale).all() and (self.scale > 0).all()):
            raise ValueError("scales are finite and above 0")

    def along(self, ndim: int) -> np.ndarray:
        """The scales shaped to broadcast against data of ``ndim`` dimensions."""
        shape = [1] * ndim
        shape[self.axis or 0] = -1
        return self.scale.reshape(shape)


@dataclass(frozen=True)
class Tensor:
    """A constant (``data`` given) or an activation.

    Attributes:
        shape: activations [1, H, W, C]; weights [O, kh, kw, I], depthwise [1, kh, kw, C]; bias [O].
        dtype: float32 or int8; int16 for the activations of single layers; int32 for a bias, int64 after
            int16 activations.
        quantization: None for float tensors; a bias has scale = input scale * weight scale, implied.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype = field(default_factory=lambda: np.dtype(np.float32))
    data: np.ndarray | None = None
    quantization: Quantization | None = None


def quantization_of(tensor: Tensor) -> Quantization:
    """The parameters of a tensor that is known to have them."""
    assert tensor.quantization is not None
    return tensor.quantization


@dataclass(frozen=True)
class Conv:
    """Convolution, bias, optional ReLU. ``depthwise``: one filter per channel."""

    input: str
    weight: str
    bias: str
    output: str
    stride: int
    padding: Padding
    relu: bool
    depthwise: bool = False

    @property
    def inputs(self) -> tuple[str, ...]:
        return self.input, self.weight, self.bias


@dataclass(frozen=True)
class Add:
    """Elementwise sum, optional ReLU."""

    inputs: tuple[str, str]
    output: str
    relu: bool


@dataclass(frozen=True)
class Pool:
    """Every bin of the pyramid at once: output[b, c] = sum over p of weight[b, p] * input[p, c].

    Adaptive average pooling is linear, so for a fixed input size all 50 bins are one matrix
    [50, H*W] whose row b holds 1/area of bin b. In int8 the row is 127 or 0 and its scale is
    1/(127 * area): exact. The output is [1, 1, 50, C], levels one after the other.
    """

    input: str
    weight: str
    output: str

    @property
    def inputs(self) -> tuple[str, ...]:
        return self.input, self.weight


@dataclass(frozen=True)
class Level:
    """Rows ``start`` .. ``start + bins * bins`` of a :class:`Pool` output as a [1, bins, bins, C] image."""

    input: str
    output: str
    start: int
    bins: int

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input,)


@dataclass(frozen=True)
class Resize:
    """Bilinear resize to the output's height and width, half-pixel centers unless ``align_corners``."""

    input: str
    output: str
    align_corners: bool

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input,)


@dataclass(frozen=True)
class Concat:
    """Concatenation along ``axis``: 3 for the pyramid, 1 and 2 for a constant border around the image."""

    inputs: tuple[str, ...]
    output: str
    axis: int


@dataclass(frozen=True)
class Convert:
    """The same reals stored as another type, which the two tensors define.

    int8 to float32 and back, int8 to int16 and back.
    """

    input: str
    output: str

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input,)


Op = Conv | Add | Pool | Level | Resize | Concat | Convert

# Operations that move values without rescaling them: input and output integers share one meaning.
SAME_SCALE = (Level, Resize, Concat)


@dataclass(frozen=True)
class Graph:
    """Operations in the order they run, and the tensors they name."""

    ops: tuple[Op, ...]
    tensors: dict[str, Tensor]
    input: str
    output: str

    @property
    def is_quantized(self) -> bool:
        """Whether the logits are int8, and with them all layers but those excepted by name."""
        return self.tensors[self.output].dtype == np.int8

    def constants(self) -> Iterator[Tensor]:
        return (t for t in self.tensors.values() if t.data is not None)

    def last_uses(self) -> list[list[str]]:
        """For each operation, the activations that it is the last to read; the graph's output is in none."""
        last = {
            name: index
            for index, op in enumerate(self.ops)
            for name in op.inputs
            if self.tensors[name].data is None and name != self.output
        }
        uses: list[list[str]] = [[] for _ in self.ops]
        for name, index in last.items():
            uses[index].append(name)
        return uses

    def replace_tensors(self, tensors: dict[str, Tensor]) -> Graph:
        """The same operations, with some tensors replaced."""
        return replace(self, tensors={**self.tensors, **tensors})


def scale_groups(graph: Graph) -> list[set[str]]:
    """Sets of activations that must share one scale and zero point, each activation in exactly one set."""
    group = {name: {name} for name, tensor in graph.tensors.items() if tensor.data is None}
    for op in graph.ops:
        if isinstance(op, SAME_SCALE):
            members = [name for name in (*op.inputs, op.output) if name in group]
            merged = set().union(*(group[name] for name in members))
            for name in merged:
                group[name] = merged
    return list({id(members): members for members in group.values()}.values())


def output_extent(size: int, kernel: int, stride: int, before: int, after: int) -> int:
    """Rows (or columns) a convolution yields."""
    return (size + before + after - kernel) // stride + 1


def used_padding(size: int, kernel: int, stride: int, padding: int) -> tuple[int, int]:
    """Padding (before, after) that a symmetric ``padding`` really contributes: a stride may never reach the last row.

    >>> used_padding(360, 3, 2, 1), used_padding(45, 3, 2, 1)
    ((1, 0), (1, 1))
    """
    last = (output_extent(size, kernel, stride, padding, padding) - 1) * stride + kernel - padding
    return padding, max(0, last - size)
