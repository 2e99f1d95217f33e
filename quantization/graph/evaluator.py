"""Evaluation of a graph in numpy: float operations in float32, integer operations in exact integers.

Slow and readable on purpose: this is what the emitted files are compared with.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from . import arithmetic
from .arithmetic import dequantize
from .graph import Add, Concat, Conv, Convert, Graph, Level, Op, Pool, Quantization, Resize, Tensor, quantization_of

Values = dict[str, np.ndarray]


def run(graph: Graph, image: np.ndarray) -> np.ndarray:
    """Logits of one image.

    Args:
        image: RGB uint8 [H, W, 3] of the graph's own size.

    Returns:
        [1, h, w, C]; int8 from a quantized graph, float32 from a float one.
    """
    return next(value for name, value in run_all(graph, image) if name == graph.output)


def run_all(graph: Graph, image: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield every activation as it is made, input first; each is forgotten after its last use."""
    values: Values = {graph.input: input_values(graph, image)}
    yield graph.input, values[graph.input]
    for op, finished in zip(graph.ops, graph.last_uses(), strict=True):
        values[op.output] = run_op(graph, op, {**values, **constants(graph, op)})
        yield op.output, values[op.output]
        for name in finished:
            del values[name]


def input_values(graph: Graph, image: np.ndarray) -> np.ndarray:
    """Convert uint8 [H, W, 3] to the graph's input [1, H, W, 3]: ``pixel - 128``."""
    shape = graph.tensors[graph.input].shape
    if image.shape != shape[1:] or image.dtype != np.uint8:
        raise ValueError(f"expected a uint8 picture of shape {shape[1:]}, got {image.dtype} {image.shape}")
    if graph.tensors[graph.input].dtype == np.int8:
        return (image ^ 0x80).view(np.int8)[None]
    return image[None].astype(np.float32) - 128


def constants(graph: Graph, op: Op) -> Values:
    """The constants among the inputs of ``op``; those of a float operation as reals, though stored in fp16 or int8."""
    is_float = graph.tensors[op.output].dtype == np.float32
    return {
        name: real_values(tensor) if is_float else tensor.data
        for name in op.inputs
        if (tensor := graph.tensors[name]).data is not None
    }


def real_values(tensor: Tensor) -> np.ndarray:
    """Real values of a constant, float32, whether it is stored as float32, fp16, int8 or an int32 bias."""
    assert tensor.data is not None
    if tensor.quantization is None:
        return tensor.data.astype(np.float32, copy=False)
    return dequantize(tensor.data, tensor.quantization.along(tensor.data.ndim))


def run_op(graph: Graph, op: Op, values: Values) -> np.ndarray:
    """The result of one operation; ``values`` holds its inputs and constants."""
    t = graph.tensors
    if isinstance(op, Concat):
        return np.concatenate([values[name] for name in op.inputs], op.axis)
    if isinstance(op, Level):
        rows = values[op.input][0, 0, op.start : op.start + op.bins**2]
        return rows.reshape(1, op.bins, op.bins, -1)
    if isinstance(op, Convert):
        return _convert(values[op.input], t[op.input], t[op.output])
    if t[op.output].dtype == np.float32:
        return _run_float(op, values, t)
    return _run_integer(op, values, t)


def _convert(x: np.ndarray, source: Tensor, target: Tensor) -> np.ndarray:
    if target.quantization is None:
        q = quantization_of(source)
        return dequantize(x, q.scale[0], q.zero_point)
    out = target.quantization
    if source.quantization is None:
        return arithmetic.quantize_activation(x, float(out.scale[0]), out.zero_point)
    q = source.quantization
    return arithmetic.requantize(
        x, (float(q.scale[0]), float(out.scale[0])), (q.zero_point, out.zero_point), target.dtype
    )


def _run_float(op: Op, values: Values, tensors: dict[str, Tensor]) -> np.ndarray:
    if isinstance(op, Conv):
        x = _pad(values[op.input], op, 0)
        y = _accumulate(x, values[op.weight], op, np.float32) + values[op.bias]
        return np.maximum(y, 0) if op.relu else y
    if isinstance(op, Add):
        y = values[op.inputs[0]] + values[op.inputs[1]]
        return np.maximum(y, 0) if op.relu else y
    if isinstance(op, Pool):
        x = values[op.input]
        return (values[op.weight] @ x.reshape(-1, x.shape[3]))[None, None]
    assert isinstance(op, Resize)
    return _resize_float(values[op.input], tensors[op.output].shape[1:3], op.align_corners)


def _run_integer(op: Op, values: Values, tensors: dict[str, Tensor]) -> np.ndarray:
    if isinstance(op, Conv):
        return _integer_conv(op, values, tensors)
    if isinstance(op, Pool):
        return _integer_pool(op, values, tensors)
    if isinstance(op, Add):
        return _integer_add(op, values, tensors)
    assert isinstance(op, Resize)
    _, height, width, _ = tensors[op.output].shape
    return arithmetic.resize(values[op.input], height, width, op.align_corners)


def _integer_conv(op: Conv, values: Values, tensors: dict[str, Tensor]) -> np.ndarray:
    source, weight, out = (quantization_of(tensors[name]) for name in (op.input, op.weight, op.output))
    x = _pad(values[op.input].astype(np.int32), op, source.zero_point) - source.zero_point
    total = _accumulate(x, values[op.weight], op, np.float64).astype(np.int64) + values[op.bias]
    rescale = arithmetic.rescale if tensors[op.input].dtype == np.int8 else arithmetic.rescale_wide
    scaled = rescale(total, _multiplier(source, weight, out))
    return arithmetic.saturate(scaled, out.zero_point, op.relu, tensors[op.output].dtype)


def _integer_pool(op: Pool, values: Values, tensors: dict[str, Tensor]) -> np.ndarray:
    source, weight, out = (quantization_of(tensors[name]) for name in (op.input, op.weight, op.output))
    x = values[op.input].astype(np.float64) - source.zero_point
    total = (values[op.weight].astype(np.float64) @ x.reshape(-1, x.shape[3])).astype(np.int64)
    scaled = arithmetic.rescale(total, _multiplier(source, weight, out)[:, None])
    return arithmetic.saturate(scaled, out.zero_point, False)[None, None]


def _integer_add(op: Add, values: Values, tensors: dict[str, Tensor]) -> np.ndarray:
    (a, b), out = (quantization_of(tensors[name]) for name in op.inputs), quantization_of(tensors[op.output])
    scales = float(a.scale[0]), float(b.scale[0]), float(out.scale[0])
    zero_points = a.zero_point, b.zero_point, out.zero_point
    return arithmetic.add(values[op.inputs[0]], values[op.inputs[1]], scales, zero_points, op.relu)


def _multiplier(source: Quantization, weight: Quantization, out: Quantization) -> np.ndarray:
    """Factors from accumulator units to output units, float64 [C]."""
    return np.float64(source.scale[0]) * weight.scale.astype(np.float64) / np.float64(out.scale[0])


def _pad(x: np.ndarray, op: Conv, value: int) -> np.ndarray:
    top, bottom, left, right = op.padding
    return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=value)


def _accumulate(x: np.ndarray, weight: np.ndarray, op: Conv, dtype: type) -> np.ndarray:
    """Sum of products over the kernel, one tap at a time, [1, oh, ow, O].

    float64 holds every integer convolution here exactly: |sum| <= 2304 * 32767 * 127 < 2^53, and unlike
    integers it has a fast matrix product.
    """
    kernel_h, kernel_w = weight.shape[1:3]
    s = op.stride
    height, width = (x.shape[1] - kernel_h) // s + 1, (x.shape[2] - kernel_w) // s + 1
    x, weight = x[0].astype(dtype, copy=False), weight.astype(dtype, copy=False)
    total = np.zeros((height, width, weight.shape[3] if op.depthwise else weight.shape[0]), dtype)
    for dy in range(kernel_h):
        for dx in range(kernel_w):
            tap = x[dy : dy + s * height : s, dx : dx + s * width : s]
            total += tap * weight[0, dy, dx] if op.depthwise else tap @ weight[:, dy, dx].T
    return total[None]


def _resize_float(x: np.ndarray, size: tuple[int, ...], align_corners: bool) -> np.ndarray:
    rows = _resize_matrix(x.shape[1], size[0], align_corners)
    columns = _resize_matrix(x.shape[2], size[1], align_corners)
    return np.einsum("yh,hwc,xw->yxc", rows, x[0], columns, optimize=True)[None]


def _resize_matrix(size_in: int, size_out: int, align_corners: bool) -> np.ndarray:
    """Bilinear weights, float32 [size_out, size_in]."""
    index = np.arange(size_out)
    if align_corners:
        position = index * ((size_in - 1) / max(size_out - 1, 1))
    else:
        position = np.maximum((index + 0.5) * (size_in / size_out) - 0.5, 0)
    lower = np.minimum(position.astype(int), size_in - 1)
    upper = np.minimum(lower + 1, size_in - 1)
    matrix = np.zeros((size_out, size_in), np.float64)
    np.add.at(matrix, (index, lower), 1 - (position - lower))
    np.add.at(matrix, (index, upper), position - lower)
    return matrix.astype(np.float32)
