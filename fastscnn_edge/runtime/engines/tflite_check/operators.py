"""Checks of the operators that this package writes: types and shapes of what goes in and comes out.

Interpreters compute shapes anew from constants and options, and trust them: here each must come out as the file says.
Any other operator, version, type or option is noted as foreign.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .flatbuffer import FlatbufferError, Table
from .model import FLOAT16, FLOAT32, INT8, INT16, INT32, INT64, Model, Operator, Tensor

_ADD, _CONCATENATION, CONV, _DEPTHWISE, _DEQUANTIZE, _RESHAPE = 0, 2, 3, 4, 6, 22
_RESIZE, _PAD, _TRANSPOSE, _SLICE, _QUANTIZE = 23, 34, 39, 65, 114

NAMES = {
    _ADD: "ADD",
    _CONCATENATION: "CONCATENATION",
    CONV: "CONV_2D",
    _DEPTHWISE: "DEPTHWISE_CONV_2D",
    _DEQUANTIZE: "DEQUANTIZE",
    _RESHAPE: "RESHAPE",
    _RESIZE: "RESIZE_BILINEAR",
    _PAD: "PAD",
    _TRANSPOSE: "TRANSPOSE",
    _SLICE: "SLICE",
    _QUANTIZE: "QUANTIZE",
}
"""The schema's BuiltinOperator, as far as this package writes it."""

_SAME, _VALID = 0, 1

_MOST_STEPS = 2.0**30
"""Largest scale of an accumulator in steps of the output; beyond it the fixed-point multiplier has no such shift."""

_CONVOLUTION = {
    (FLOAT32, FLOAT32, FLOAT32, FLOAT32): (1, 1),
    (INT8, INT8, INT32, INT8): (3, 3),
    (INT16, INT8, INT64, INT16): (4, 5),
    (FLOAT32, INT8, FLOAT32, FLOAT32): (5, 6),
}
"""Types of input, weight, bias and output -> versions of CONV_2D and DEPTHWISE_CONV_2D."""

_SAME_TYPE = {
    _ADD: {FLOAT32: 1, INT8: 2},
    _CONCATENATION: {FLOAT32: 1, INT8: 2},
    _PAD: {FLOAT32: 1, INT8: 2, INT16: 3},
    _RESIZE: {FLOAT32: 3, INT8: 3},
    _RESHAPE: {FLOAT32: 1, INT8: 1},
    _TRANSPOSE: {FLOAT32: 1, INT8: 2},
    _SLICE: {FLOAT32: 1, INT8: 2},
}
"""Operators whose output has the type of the input: type -> version."""

_CONVERSIONS = {
    (_DEQUANTIZE, FLOAT16, FLOAT32): 3,
    (_DEQUANTIZE, INT8, FLOAT32): 2,
    (_QUANTIZE, FLOAT32, INT8): 1,
    (_QUANTIZE, INT8, INT16): 2,
    (_QUANTIZE, INT16, INT8): 1,
}
"""(operator, type of the input, type of the output) -> version."""

_OPTIONS = {
    _ADD: (11, {0}),
    _CONCATENATION: (10, {0}),
    CONV: (1, {0, 1, 2, 3, 4, 5}),
    _DEPTHWISE: (2, {0, 1, 2, 3, 4, 5, 6}),
    _DEQUANTIZE: (38, set()),
    _RESHAPE: (17, {0}),
    _RESIZE: (15, {2, 3}),
    _PAD: (22, set()),
    _TRANSPOSE: (26, set()),
    _SLICE: (48, set()),
    _QUANTIZE: (89, set()),
}
"""Operator -> number of its options in the schema's union, and the fields that are checked."""


def check_operators(model: Model) -> None:
    """Check order, types and shapes of all operators, and note what this package never writes.

    Raises:
        FlatbufferError: an operator contradicts its tensors or the order of the graph.
    """
    _check_order(model)
    for operator in model.operators:
        name = NAMES.get(operator.code)
        if name is None:
            model.foreign.append(f"operator {operator.code}")
        elif -1 in operator.inputs:
            continue  # noted when it was read
        elif stranger := _stranger(model, operator):
            model.foreign.append(f"{name} {stranger}")
        else:
            inputs = [model.tensors[i] for i in operator.inputs]
            (output,) = (model.tensors[i] for i in operator.outputs)
            try:
                _CHECKS[operator.code](operator.options, inputs, output)
            except FlatbufferError as error:
                raise FlatbufferError(f"{name} that makes {output.name!r:.60}: {error}") from None


def _check_order(model: Model) -> None:
    """Each tensor is made once, by the picture, as a constant or by an operator, before it is read."""
    made = {index for index, tensor in enumerate(model.tensors) if tensor.data is not None}
    if len(set(model.inputs)) != len(model.inputs) or made & set(model.inputs):
        raise FlatbufferError("an input of the graph is a constant, or is there twice")
    made |= set(model.inputs)
    for operator in model.operators:
        if not operator.outputs or not set(operator.inputs) - {-1} <= made:
            raise FlatbufferError("an operator has no output, or reads a tensor that no earlier one makes")
        if len(set(operator.outputs)) != len(operator.outputs) or made & set(operator.outputs):
            raise FlatbufferError("a tensor is made twice")
        made |= set(operator.outputs)
    if not model.outputs or not set(model.outputs) <= made:
        raise FlatbufferError("an output of the graph is never made")


def _stranger(model: Model, operator: Operator) -> str:
    """What of ``operator`` this package never writes, in words; empty if nothing."""
    code, options = operator.code, operator.options
    number, known = _OPTIONS[code]
    if len(operator.outputs) != 1 or not operator.inputs:
        return f"with {len(operator.inputs)} inputs and {len(operator.outputs)} outputs"
    if operator.options_kind not in (0, number) or (operator.options_kind == 0) != (options is None):
        return "with options of another operator"
    if options is None and known:
        return "without options"
    if options is not None and options.slots - known:
        return "with unknown options"
    kinds = tuple(model.tensors[i].kind for i in operator.inputs)
    result = model.tensors[operator.outputs[0]].kind
    if code in (CONV, _DEPTHWISE):
        versions = _CONVOLUTION.get((*kinds, result))  # type: ignore[arg-type]  # of another length it is not there
        version = versions and versions[code == _DEPTHWISE]
    elif code in _SAME_TYPE:
        version = _SAME_TYPE[code].get(kinds[0]) if kinds[0] == result else None
    else:
        version = _CONVERSIONS.get((code, kinds[0], result)) if len(kinds) == 1 else None
    return "" if version == operator.version else f"of version {operator.version} with types {[*kinds, result]}"


def _expect(output: Tensor, shape: tuple[int, ...]) -> None:
    if output.shape != shape:
        raise FlatbufferError(f"its result is {list(shape)}, but the file says {list(output.shape)}")


def _images(*tensors: Tensor) -> None:
    """Check that these are [1, H, W, C], and that int8 and int16 ones have one scale."""
    for tensor in tensors:
        if len(tensor.shape) != 4 or tensor.shape[0] != 1:
            raise FlatbufferError(f"{tensor.name!r:.60} is {list(tensor.shape)}, not [1, H, W, C]")
        if tensor.kind in (INT8, INT16) and len(tensor.scales) != 1:
            raise FlatbufferError(f"{tensor.name!r:.60} has {len(tensor.scales)} scales, not 1")


def _alike(*tensors: Tensor) -> None:
    """Check that tensors without a rescaling between them share scale and zero point."""
    first = tensors[0]
    if any(
        t.scales.tolist() != first.scales.tolist() or t.zero_points.tolist() != first.zero_points.tolist()
        for t in tensors
    ):
        raise FlatbufferError("what goes in and comes out has different scales")


def _integers(inputs: list[Tensor], at: int, shape: tuple[int, ...]) -> list[int]:
    """The values of a constant int32 operand, flat."""
    if at >= len(inputs) or inputs[at].data is None or inputs[at].kind != INT32 or inputs[at].shape != shape:
        raise FlatbufferError(f"operand {at} is no constant of {list(shape)} integers")
    result: list[int] = inputs[at].values().ravel().tolist()
    return result


def _count(inputs: list[Tensor], count: int) -> None:
    if len(inputs) != count:
        raise FlatbufferError(f"it has {len(inputs)} operands, not {count}")


def _check_ratio(ratio: np.ndarray) -> None:
    if not (np.isfinite(ratio).all() and (ratio > 0).all() and (ratio < _MOST_STEPS).all()):
        raise FlatbufferError("its scales do not go together")


def _convolution(options: Table | None, inputs: list[Tensor], output: Tensor, depthwise: bool) -> None:
    assert options is not None
    source, weight, bias = inputs
    _images(source, output)
    shift = int(depthwise)  # of the fields behind the depth multiplier
    padding = options.scalar(0, "b")
    strides = options.scalar(2, "i"), options.scalar(1, "i")
    dilations = options.scalar(5 + shift, "i", 1), options.scalar(4 + shift, "i", 1)
    if padding not in (_SAME, _VALID) or min(strides) < 1 or dilations != (1, 1):
        raise FlatbufferError(f"it has padding {padding}, strides {strides} and dilations {dilations}")
    if options.scalar(3 + shift, "b") not in (0, 1):
        raise FlatbufferError("its activation is not ReLU")
    channels = source.shape[3]
    count = weight.shape[3 if depthwise else 0] if len(weight.shape) == 4 else 0
    expected = (1, *weight.shape[1:3], channels) if depthwise else (count, *weight.shape[1:3], channels)
    if not count or weight.shape != expected or bias.shape != (count,):
        raise FlatbufferError(f"weights {list(weight.shape)} and biases {list(bias.shape)} for {channels} channels")
    if depthwise and options.scalar(3, "i") != 1:
        raise FlatbufferError(f"it has depth multiplier {options.scalar(3, 'i')}")
    size = []
    for extent, kernel, stride in zip(source.shape[1:3], weight.shape[1:3], strides, strict=True):
        size.append(-(-extent // stride) if padding == _SAME else (extent - kernel) // stride + 1)
        if padding == _VALID and kernel > extent:
            raise FlatbufferError(f"its kernel of {kernel} is larger than the input of {extent}")
    _expect(output, (1, *size, count))
    if weight.kind == INT8:
        _weight_scales(source, weight, bias, output, count, 3 if depthwise else 0)


def _weight_scales(source: Tensor, weight: Tensor, bias: Tensor, output: Tensor, count: int, axis: int) -> None:
    if weight.data is None or len(weight.scales) not in (1, count) or (len(weight.scales) > 1 and weight.axis != axis):
        raise FlatbufferError(f"its weights have {len(weight.scales)} scales for {count} channels")
    if weight.zero_points.any():
        raise FlatbufferError("its weights have a zero point")
    if source.kind == FLOAT32:
        return
    if bias.data is None or len(bias.scales) not in (1, count):
        raise FlatbufferError(f"its biases have {len(bias.scales)} scales for {count} channels")
    product = source.scales.astype(np.float64) * weight.scales
    if not np.allclose(bias.scales, product, rtol=0.01, atol=0):
        raise FlatbufferError("the scales of its biases are not those of its input and weights")
    _check_ratio(product / float(output.scales[0]))


def _conv(options: Table | None, inputs: list[Tensor], output: Tensor) -> None:
    _convolution(options, inputs, output, depthwise=False)


def _depthwise(options: Table | None, inputs: list[Tensor], output: Tensor) -> None:
    _convolution(options, inputs, output, depthwise=True)


def _add(options: Table | None, inputs: list[Tensor], output: Tensor) -> None:
    assert options is not None
    _count(inputs, 2)
    _images(*inputs, output)
    if inputs[1].kind != output.kind or options.scalar(0, "b") not in (0, 1):
        raise FlatbufferError("it adds other types, or its activation is not ReLU")
    _expect(output, inputs[0].shape)
    _expect(output, inputs[1].shape)
    if output.kind == INT8:
        # The kernel counts in 2^-20 of twice the larger scale; it aborts unless a step of the result is larger.
        scales = [float(t.scales[0]) for t in inputs]
        back = 2 * max(scales) / (2**20 * float(output.scales[0]))
        if not 0 < back < 1 or min(scales) / max(scales) < 2.0**-30:
            raise FlatbufferError("its scales do not go together")


def _concatenation(options: Table | None, inputs: list[Tensor], output: Tensor) -> None:
    assert options is not None
    _images(*inputs, output)
    if any(t.kind != output.kind for t in inputs):
        raise FlatbufferError("it joins different types")
    _alike(*inputs, output)
    axis = options.scalar(0, "i")
    if not 0 <= axis < 4 or options.scalar(1, "b"):
        raise FlatbufferError(f"it joins along dimension {axis}")
    shape = list(inputs[0].shape)
    shape[axis] = sum(t.shape[axis] for t in inputs)
    for tensor in inputs:
        if any(i != axis and extent != shape[i] for i, extent in enumerate(tensor.shape)):
            raise FlatbufferError(f"{list(tensor.shape)} does not fit {shape}")
    _expect(output, tuple(shape))


def _pad(options: Table | None, inputs: list[Tensor], output: Tensor) -> None:
    _count(inputs, 2)
    _images(inputs[0], output)
    _alike(inputs[0], output)
    amounts = _integers(inputs, 1, (4, 2))
    if min(amounts) < 0:
        raise FlatbufferError("it pads by less than nothing")
    _expect(output, tuple(n + sum(amounts[2 * i : 2 * i + 2]) for i, n in enumerate(inputs[0].shape)))


def _resize(options: Table | None, inputs: list[Tensor], output: Tensor) -> None:
    assert options is not None
    _count(inputs, 2)
    _images(inputs[0], output)
    _alike(inputs[0], output)
    if options.scalar(2, "b") not in (0, 1) or options.scalar(3, "b") not in (0, 1):
        raise FlatbufferError("its options are neither true nor false")
    if options.scalar(2, "b") and options.scalar(3, "b"):
        raise FlatbufferError("it aligns both corners and half pixels")
    height, width = _integers(inputs, 1, (2,))
    _expect(output, (1, height, width, inputs[0].shape[3]))


def _reshape(options: Table | None, inputs: list[Tensor], output: Tensor) -> None:
    assert options is not None
    _count(inputs, 2)
    _images(inputs[0], output)
    _alike(inputs[0], output)
    shape = tuple(_integers(inputs, 1, (len(output.shape),)))
    if options.short_vector(0, np.int32).tolist() not in ([], list(shape)):
        raise FlatbufferError("it is told two shapes")
    _expect(output, shape)
    if output.size != inputs[0].size:
        raise FlatbufferError(f"{list(inputs[0].shape)} cannot become {list(output.shape)}")


def _transpose(options: Table | None, inputs: list[Tensor], output: Tensor) -> None:
    _count(inputs, 2)
    _images(inputs[0], output)
    _alike(inputs[0], output)
    order = _integers(inputs, 1, (4,))
    if sorted(order) != [0, 1, 2, 3]:
        raise FlatbufferError(f"it orders dimensions as {order}")
    _expect(output, tuple(inputs[0].shape[i] for i in order))


def _slice(options: Table | None, inputs: list[Tensor], output: Tensor) -> None:
    _count(inputs, 3)
    _images(inputs[0], output)
    _alike(inputs[0], output)
    begin, size = _integers(inputs, 1, (4,)), _integers(inputs, 2, (4,))
    for extent, start, length in zip(inputs[0].shape, begin, size, strict=True):
        if start < 0 or length < 1 or start + length > extent:
            raise FlatbufferError(f"{length} from {start} on are not within {extent}")
    _expect(output, tuple(size))


def _convert(options: Table | None, inputs: list[Tensor], output: Tensor) -> None:
    _expect(output, inputs[0].shape)
    if FLOAT16 not in (inputs[0].kind, output.kind):
        _images(inputs[0], output)
        if len(inputs[0].scales) and len(output.scales):
            _check_ratio(inputs[0].scales.astype(np.float64) / output.scales)


_CHECKS: dict[int, Callable[[Table | None, list[Tensor], Tensor], None]] = {
    _ADD: _add,
    _CONCATENATION: _concatenation,
    CONV: _conv,
    _DEPTHWISE: _depthwise,
    _DEQUANTIZE: _convert,
    _RESHAPE: _reshape,
    _RESIZE: _resize,
    _PAD: _pad,
    _TRANSPOSE: _transpose,
    _SLICE: _slice,
    _QUANTIZE: _convert,
}
