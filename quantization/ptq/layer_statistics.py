"""Statistics of one convolution for rounding: mean and covariance of its inputs, and covariance with its targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..graph.evaluator import Values
from ..graph.graph import Conv, Graph, Tensor, quantization_of

SAMPLES = 1 << 16
"""Output positions of one convolution that are sampled, over all images."""


@dataclass(frozen=True)
class LayerStatistics:
    """One convolution about to be refined, and statistics of its inputs and targets.

    Its accumulator is ``inputs @ weight + bias``, all integers; K = kh * kw * I, or kh * kw if depthwise.

    Attributes:
        weight: int8 tensor; as a matrix [O, K] see :func:`as_matrix`.
        bias: int32 tensor [O], in units of ``unit``.
        real_weight: float32 tensor of the same shape as ``weight``.
        unit: float64 [O], the real value of 1 in the accumulator.
        count: positions sampled.
        mean_input: float64 [K] (depthwise [O, K]), integer input minus zero point, averaged over positions.
        gram: float64 [K, K] (depthwise [O, K, K]), covariance of those inputs.
        mean_target: float64 [O], the float convolution's output before its ReLU, in real units.
        cross: float64 [K, O] (depthwise [O, K, 1]), covariance of inputs with the target.
    """

    op: Conv
    weight: Tensor
    bias: Tensor
    real_weight: Tensor
    unit: np.ndarray
    count: int
    mean_input: np.ndarray
    gram: np.ndarray
    mean_target: np.ndarray
    cross: np.ndarray

    def with_weight(self, matrix: np.ndarray) -> LayerStatistics:
        """The same with the integers ``matrix`` [O, K] for weights."""
        data = from_matrix(matrix, self.weight.shape, self.op.depthwise).astype(np.int8)
        return replace(self, weight=replace(self.weight, data=data))

    def with_bias(self, data: np.ndarray) -> LayerStatistics:
        """The same with ``data`` [O], in accumulator units, rounded to int32 for bias."""
        limit = 2**31 - 1
        return replace(self, bias=replace(self.bias, data=np.clip(np.round(data), -limit, limit).astype(np.int32)))


def as_matrix(weight: np.ndarray, depthwise: bool) -> np.ndarray:
    """Weight [O, kh, kw, I] as [O, K], or depthwise [1, kh, kw, O] as [O, K]."""
    return weight.reshape(-1, weight.shape[3]).T if depthwise else weight.reshape(len(weight), -1)


def from_matrix(matrix: np.ndarray, shape: tuple[int, ...], depthwise: bool) -> np.ndarray:
    """The inverse of :func:`as_matrix`."""
    return np.ascontiguousarray(matrix.T if depthwise else matrix).reshape(shape)


def measure_layer(
    graph: Graph, quantized: Graph, op: Conv, real: Sequence[Values], integer: Sequence[Values]
) -> LayerStatistics:
    """Statistics of ``op`` over some images.

    Args:
        graph: the float graph that ``quantized`` is the int8 form of.
        real: for each image, the input of ``op`` in the float graph, by name.
        integer: the same in ``quantized``.
    """
    source, weight = (quantization_of(quantized.tensors[name]) for name in (op.input, op.weight))
    real_weight, real_bias = graph.tensors[op.weight], graph.tensors[op.bias].data
    assert real_weight.data is not None and real_bias is not None
    matrix = as_matrix(real_weight.data, op.depthwise)
    sums = (_DepthwiseSums if op.depthwise else _DenseSums)(matrix, real_bias)
    random = np.random.default_rng(0)
    kernel = real_weight.shape[1:3]
    _, height, width, _ = graph.tensors[op.output].shape
    for real_values, integer_values in zip(real, integer, strict=True):
        positions = _sample(height * width, max(1, SAMPLES // len(real)), random)
        inputs = patches(integer_values[op.input], op, kernel, positions, width, source.zero_point)
        wanted = patches(real_values[op.input], op, kernel, positions, width, 0)
        sums.add(inputs, wanted)
    mean_input, gram, mean_target, cross = sums.moments()
    unit = np.float64(source.scale[0]) * weight.scale.astype(np.float64)
    integers = quantized.tensors[op.weight], quantized.tensors[op.bias]
    return LayerStatistics(op, *integers, real_weight, unit, sums.count, mean_input, gram, mean_target, cross)


class _DenseSums:
    """Sums over positions for a convolution whose outputs read all channels; ``matrix`` is [O, K].

    Inputs are counted from the first position's, integers too: the covariance of inputs that are nearly constant, as on
    white pictures, would otherwise vanish in the rounding of float32 products, and not be positive definite.
    """

    def __init__(self, matrix: np.ndarray, bias: np.ndarray) -> None:
        outputs, taps = matrix.shape
        self.count, self._matrix, self._bias = 0, matrix, bias
        self._origin: np.ndarray | None = None  # float32 [K]
        self._inputs, self._targets = np.zeros(taps), np.zeros(outputs)
        self._gram, self._cross = np.zeros((taps, taps)), np.zeros((taps, outputs))

    def add(self, inputs: np.ndarray, wanted: np.ndarray) -> None:
        """Add :func:`patches` [R, kh*kw, I] of the integer graph and of the float graph."""
        seen, real = (v.reshape(len(v), -1) for v in (inputs, wanted))  # [R, K]
        target = real @ self._matrix.T + self._bias  # [R, O]
        self._origin = seen[0].copy() if self._origin is None else self._origin
        seen = seen - self._origin
        self._cross += seen.T @ target
        self._gram += seen.T @ seen
        self._inputs += seen.sum(0, dtype=np.float64)
        self._targets += target.sum(0, dtype=np.float64)
        self.count += len(seen)

    def moments(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """``mean_input``, ``gram``, ``mean_target`` and ``cross`` of :class:`LayerStatistics`."""
        assert self._origin is not None
        mean_input, mean_target = self._inputs / self.count, self._targets / self.count
        gram = self._gram / self.count - mean_input[:, None] * mean_input
        cross = self._cross / self.count - mean_input[:, None] * mean_target
        return mean_input + self._origin, gram, mean_target, cross


class _DepthwiseSums:
    """Sums over positions for a convolution whose outputs read one channel each; ``matrix`` is [O, K].

    Inputs are counted from the first position's, as in :class:`_DenseSums`.
    """

    def __init__(self, matrix: np.ndarray, bias: np.ndarray) -> None:
        outputs, taps = matrix.shape
        self.count, self._matrix, self._bias = 0, matrix, bias
        self._origin: np.ndarray | None = None  # float32 [O, 1, K]
        self._inputs, self._targets = np.zeros((outputs, taps)), np.zeros(outputs)
        self._gram, self._cross = np.zeros((outputs, taps, taps)), np.zeros((outputs, taps, 1))

    def add(self, inputs: np.ndarray, wanted: np.ndarray) -> None:
        """Add :func:`patches` [R, kh*kw, O] of the integer graph and of the float graph."""
        seen, real = (v.transpose(2, 0, 1) for v in (inputs, wanted))  # [O, R, K]
        target = np.einsum("crk,ck->rc", real, self._matrix, optimize=True) + self._bias  # [R, O]
        self._origin = seen[:, :1].copy() if self._origin is None else self._origin
        seen = seen - self._origin
        self._cross += seen.transpose(0, 2, 1) @ target.T[:, :, None]
        self._gram += seen.transpose(0, 2, 1) @ seen
        self._inputs += seen.sum(1, dtype=np.float64)
        self._targets += target.sum(0, dtype=np.float64)
        self.count += seen.shape[1]

    def moments(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """``mean_input``, ``gram``, ``mean_target`` and ``cross`` of :class:`LayerStatistics`."""
        assert self._origin is not None
        mean_input, mean_target = self._inputs / self.count, self._targets / self.count
        gram = self._gram / self.count - mean_input[:, :, None] * mean_input[:, None, :]
        cross = self._cross / self.count - (mean_input * mean_target[:, None])[:, :, None]
        return mean_input + self._origin[:, 0], gram, mean_target, cross


def _sample(count: int, limit: int, random: np.random.Generator) -> np.ndarray:
    """At most ``limit`` of ``count`` positions, in order."""
    positions = np.arange(count)
    return np.sort(random.choice(positions, limit, replace=False)) if count > limit else positions


def patches(
    x: np.ndarray, op: Conv, kernel: tuple[int, ...], positions: np.ndarray, width: int, zero: int
) -> np.ndarray:
    """Values that ``op`` multiplies with its weights at the output ``positions``: float32 [R, kh*kw, C].

    Args:
        x: [1, h, w, C], float or int8.
        positions: int [R], row * ``width`` + column of the output.
        zero: value that stands for real 0; padding adds it, and it is subtracted from the result.
    """
    top, bottom, left, right = op.padding
    padded = np.pad(x[0], ((top, bottom), (left, right), (0, 0)), constant_values=zero)
    rows, columns = positions // width * op.stride, positions % width * op.stride
    taps = [padded[rows + dy, columns + dx] for dy in range(kernel[0]) for dx in range(kernel[1])]
    values: np.ndarray = np.stack(taps, 1).astype(np.float32) - np.float32(zero)
    return values
