"""Walks a float graph and its int8 form side by side over pictures, refining one convolution at a time.

A convolution is refined on the inputs it will really get: those that the already refined integers before
it compute. So each step also makes good what the earlier ones left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..calibration.statistics import Progress, silent
from ..graph.evaluator import input_values, run_op
from ..graph.graph import Conv, Graph, Tensor, quantization_of

SAMPLES = 1 << 16
"""Output positions of one convolution that are looked at, over all pictures."""


@dataclass(frozen=True)
class LayerStatistics:
    """One convolution about to be refined, and what it sees.

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
        """With the integers ``matrix`` [O, K] for weights."""
        data = from_matrix(matrix, self.weight.shape, self.op.depthwise).astype(np.int8)
        return replace(self, weight=replace(self.weight, data=data))

    def with_bias(self, data: np.ndarray) -> LayerStatistics:
        limit = 2**31 - 1
        return replace(self, bias=replace(self.bias, data=np.clip(np.round(data), -limit, limit).astype(np.int32)))


Step = Callable[[LayerStatistics], LayerStatistics]


def refine_layers(
    graph: Graph,
    quantized: Graph,
    images: Sequence[np.ndarray],
    steps: Sequence[Step],
    *,
    progress: Progress = silent,
) -> Graph:
    """``quantized`` with weights and biases of every convolution as ``steps``, applied in turn, leave them.

    Args:
        graph: the float graph that ``quantized`` is the int8 form of.
        pictures: uint8 [H, W, 3] of the graph's size. The activations of all of them between two operations
            are held in memory at once.
    """
    real = [{graph.input: input_values(graph, p)} for p in images]
    integer = [{graph.input: input_values(quantized, p)} for p in images]
    last_use = {name: index for index, op in enumerate(graph.ops) for name in op.inputs}
    for index, op in enumerate(graph.ops):
        if isinstance(op, Conv):
            refinement = _measure(graph, quantized, op, real, integer)
            for step in steps:
                refinement = step(refinement)
            quantized = quantized.replace_tensors({op.weight: refinement.weight, op.bias: refinement.bias})
        for side, values in ((graph, real), (quantized, integer)):
            constants = {name: tensor.data for name in op.inputs if (tensor := side.tensors[name]).data is not None}
            for one in values:
                one[op.output] = run_op(side, op, {**one, **constants})
                for name in op.inputs:
                    if last_use[name] == index:
                        one.pop(name, None)
        progress("refine", index + 1, len(graph.ops))
    return quantized


def as_matrix(weight: np.ndarray, depthwise: bool) -> np.ndarray:
    """Weight [O, kh, kw, I] as [O, K], or depthwise [1, kh, kw, O] as [O, K]."""
    return weight.reshape(-1, weight.shape[3]).T if depthwise else weight.reshape(len(weight), -1)


def from_matrix(matrix: np.ndarray, shape: tuple[int, ...], depthwise: bool) -> np.ndarray:
    """The inverse of :func:`as_matrix`."""
    return np.ascontiguousarray(matrix.T if depthwise else matrix).reshape(shape)


def _measure(
    graph: Graph,
    quantized: Graph,
    op: Conv,
    real: Sequence[dict[str, np.ndarray]],
    integer: Sequence[dict[str, np.ndarray]],
) -> LayerStatistics:
    """Mean and covariance of what goes into ``op`` and what should come out."""
    source, weight = (quantization_of(quantized.tensors[name]) for name in (op.input, op.weight))
    real_weight, real_bias = graph.tensors[op.weight], graph.tensors[op.bias].data
    assert real_weight.data is not None and real_bias is not None
    matrix = as_matrix(real_weight.data, op.depthwise)
    outputs, taps = matrix.shape
    stacked = (outputs,) if op.depthwise else ()
    count, sum_in, sum_out = 0, np.zeros((*stacked, taps)), np.zeros(outputs)
    gram = np.zeros((*stacked, taps, taps))
    cross = np.zeros((outputs, taps, 1) if op.depthwise else (taps, outputs))
    random = np.random.default_rng(0)
    _, height, width, _ = graph.tensors[op.output].shape
    for one_real, one_integer in zip(real, integer, strict=True):
        places = np.arange(height * width)
        most = max(1, SAMPLES // len(real))
        if len(places) > most:
            places = np.sort(random.choice(places, most, replace=False))
        seen = patches(one_integer[op.input], op, real_weight.shape[1:3], places, width, source.zero_point)
        wanted = patches(one_real[op.input], op, real_weight.shape[1:3], places, width, 0)
        if op.depthwise:  # [R, kh*kw, C] -> [C, R, kh*kw]
            seen, wanted = (v.transpose(2, 0, 1) for v in (seen, wanted))
            target = np.einsum("crk,ck->rc", wanted, matrix, optimize=True) + real_bias
            cross += seen.transpose(0, 2, 1) @ target.T[:, :, None]
        else:
            seen, wanted = (v.reshape(len(places), -1) for v in (seen, wanted))
            target = wanted @ matrix.T + real_bias
            cross += seen.T @ target
        gram += seen.swapaxes(-1, -2) @ seen
        sum_in += seen.sum(-2, dtype=np.float64)
        sum_out += target.sum(0, dtype=np.float64)
        count += len(places)
    mean_in, mean_out = sum_in / count, sum_out / count
    gram = gram / count - mean_in[..., :, None] * mean_in[..., None, :]
    if op.depthwise:
        cross = cross / count - (mean_in * mean_out[:, None])[:, :, None]
    else:
        cross = cross / count - mean_in[:, None] * mean_out
    unit = np.float64(source.scale[0]) * weight.scale.astype(np.float64)
    return LayerStatistics(
        op,
        quantized.tensors[op.weight],
        quantized.tensors[op.bias],
        real_weight,
        unit,
        count,
        mean_in,
        gram,
        mean_out,
        cross,
    )


def patches(x: np.ndarray, op: Conv, kernel: tuple[int, ...], places: np.ndarray, width: int, zero: int) -> np.ndarray:
    """float32 [R, kh*kw, C]: what ``op`` multiplies with its weights at the output positions ``places``.

    Args:
        x: [1, h, w, C], float or int8.
        places: int [R], row * ``width`` + column of the output.
        zero: value that stands for real 0; it is what padding adds, and is taken off.
    """
    top, bottom, left, right = op.padding
    padded = np.pad(x[0], ((top, bottom), (left, right), (0, 0)), constant_values=zero)
    rows, columns = places // width * op.stride, places % width * op.stride
    taps = [padded[rows + dy, columns + dx] for dy in range(kernel[0]) for dx in range(kernel[1])]
    result: np.ndarray = np.stack(taps, 1).astype(np.float32) - np.float32(zero)
    return result
