"""Writes a graph as a .tflite, through the official schema's objects.

Every operation of the graph becomes one TFLite operator, except that TFLite needs three helpers:
a PAD before a stride-2 convolution whose padding SAME cannot express, TRANSPOSE and RESHAPE around
the pooling matrix (written as a 1x1 CONV_2D, because that takes one scale per row on every runtime),
and a DEQUANTIZE after each fp16 constant. The first convolution of an int8 graph is written as
:mod:`.pixel_pairs` has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from ...quantization.graph.graph import (
    Add,
    Concat,
    Conv,
    Convert,
    Graph,
    Level,
    Op,
    Padding,
    Pool,
    Quantization,
    Resize,
    Tensor,
)
from .pixel_pairs import PAIR, PairedStem, paired_stem

_OP = schema.BuiltinOperator
_TYPES = {
    np.dtype(np.float32): schema.TensorType.FLOAT32,
    np.dtype(np.float16): schema.TensorType.FLOAT16,
    np.dtype(np.int8): schema.TensorType.INT8,
    np.dtype(np.int16): schema.TensorType.INT16,
    np.dtype(np.int32): schema.TensorType.INT32,
    np.dtype(np.int64): schema.TensorType.INT64,
}

_FLOAT16, _FLOAT, _INT8, _INT16 = (_TYPES[np.dtype(t)] for t in (np.float16, np.float32, np.int8, np.int16))

# Smallest operator version whose kernel does what we ask, so that old runtimes load what they can run
# (tensorflow/compiler/mlir/lite/tools/versioning), by the type of the first input.
_VERSIONS = {
    _OP.CONV_2D: {_FLOAT: 1, _INT8: 3, _INT16: 4},
    _OP.DEPTHWISE_CONV_2D: {_FLOAT: 1, _INT8: 3, _INT16: 5},
    _OP.ADD: {_FLOAT: 1, _INT8: 2},
    _OP.CONCATENATION: {_FLOAT: 1, _INT8: 2},
    _OP.PAD: {_FLOAT: 1, _INT8: 2, _INT16: 3},
    _OP.RESIZE_BILINEAR: {_FLOAT: 3, _INT8: 3},
    _OP.RESHAPE: {_FLOAT: 1, _INT8: 1},
    _OP.TRANSPOSE: {_FLOAT: 1, _INT8: 2},
    _OP.SLICE: {_FLOAT: 1, _INT8: 2},
    _OP.DEQUANTIZE: {_FLOAT16: 3, _INT8: 2},
    _OP.QUANTIZE: {_FLOAT: 1, _INT8: 2, _INT16: 1},
}
# Float activations against int8 per-channel weights.
_HYBRID_VERSIONS = {_OP.CONV_2D: 5, _OP.DEPTHWISE_CONV_2D: 6}


def write_tflite(graph: Graph, description: str, pairs: bool = True) -> bytes:
    """Write the flatbuffer of ``graph``; the same graph gives the same bytes.

    Args:
        graph: float, int8, float with some constants in fp16 or int8 (see :mod:`.precision`), or int8 with
            some layers in float or int16 (see :mod:`..quantization.graph.mixed_precision`).
        description: free text for people who open the file in a viewer.
        pairs: write the first convolution in pairs of pixels where that is possible; False is for comparison.
    """
    writer = _Writer(graph)
    stem = paired_stem(graph) if pairs else None
    for op in graph.ops[: stem.before if stem else 0]:
        _EMITTERS[type(op)](writer, op)
    if stem:
        _paired_stem(writer, stem)
    for op in graph.ops[stem.replaced if stem else 0 :]:
        _EMITTERS[type(op)](writer, op)
    return writer.finish(description)


class _Writer:
    """Tensors, buffers and operators of the one subgraph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.tensors: list[Any] = []
        self.buffers: list[Any] = [schema.BufferT()]  # by convention buffer 0 is empty
        self.operators: list[Any] = []
        self.codes: dict[tuple[int, int], int] = {}
        self.index: dict[str, int] = {}
        self.use(graph.input)

    def use(self, name: str) -> int:
        """Index of a tensor of the graph, written at its first use."""
        if name not in self.index:
            tensor = self.graph.tensors[name]
            if tensor.dtype == np.float16:
                self.index[name] = self._dequantized(tensor)
            else:
                self.index[name] = self.tensor(name, tensor.shape, tensor.dtype, tensor.data, tensor.quantization)
        return self.index[name]

    def tensor(
        self,
        name: str,
        shape: Sequence[int],
        dtype: np.dtype,
        data: np.ndarray | None = None,
        quantization: Quantization | None = None,
    ) -> int:
        item = schema.TensorT()
        item.name, item.shape, item.type = name.encode(), list(shape), _TYPES[np.dtype(dtype)]
        item.buffer = 0
        if data is not None:
            item.buffer = len(self.buffers)
            self.buffers.append(_AlignedBuffer(data))
        if quantization is not None:
            item.quantization = schema.QuantizationParametersT()
            item.quantization.scale = quantization.scale
            item.quantization.zeroPoint = np.full(len(quantization.scale), quantization.zero_point, np.int64)
            item.quantization.quantizedDimension = quantization.axis or 0
        self.tensors.append(item)
        return len(self.tensors) - 1

    def like(self, name: str, shape: Sequence[int], source: str) -> int:
        """A helper activation with the type and the scale of the graph tensor ``source``."""
        tensor = self.graph.tensors[source]
        return self.tensor(name, shape, tensor.dtype, quantization=tensor.quantization)

    def integers(self, name: str, values: object) -> int:
        data = np.array(values, np.int32)
        return self.tensor(name, data.shape, data.dtype, data)

    def operator(
        self, code: int, inputs: Sequence[int], output: int, options: Any = None, *, hybrid: bool = False
    ) -> None:
        version = _HYBRID_VERSIONS[code] if hybrid else _VERSIONS[code][self.tensors[inputs[0]].type]
        item = schema.OperatorT()
        item.opcodeIndex = self.codes.setdefault((code, version), len(self.codes))
        item.inputs, item.outputs = list(inputs), [output]
        if options is not None:
            item.builtinOptions = options
            item.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        self.operators.append(item)

    def _dequantized(self, tensor: Tensor) -> int:
        half = self.tensor(f"{tensor.name}/fp16", tensor.shape, tensor.dtype, tensor.data)
        full = self.tensor(tensor.name, tensor.shape, np.dtype(np.float32))
        self.operator(_OP.DEQUANTIZE, [half], full, schema.DequantizeOptionsT())
        return full

    def finish(self, description: str) -> bytes:
        subgraph = schema.SubGraphT()
        subgraph.name = b"main"
        subgraph.tensors, subgraph.operators = self.tensors, self.operators
        subgraph.inputs, subgraph.outputs = [self.use(self.graph.input)], [self.use(self.graph.output)]
        model = schema.ModelT()
        model.version, model.description = 3, description.encode()
        model.subgraphs, model.buffers = [subgraph], self.buffers
        model.operatorCodes = [_operator_code(code, version) for code, version in self.codes]
        model.signatureDefs = [_signature(subgraph.inputs[0], subgraph.outputs[0])]
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


class _AlignedBuffer(schema.BufferT):  # type: ignore[misc]  # its module has no types
    """Write constant data at a multiple of 16 bytes: the schema demands it, Python's generated code does not do it."""

    def __init__(self, data: np.ndarray) -> None:
        super().__init__()
        self.content = np.ascontiguousarray(data).tobytes()

    def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802 (the schema's name)
        builder.StartVector(1, len(self.content), 16)
        builder.head -= len(self.content)
        builder.Bytes[builder.head : builder.head + len(self.content)] = self.content
        data = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, data)
        result: int = schema.BufferEnd(builder)
        return result


def _operator_code(code: int, version: int) -> Any:
    item = schema.OperatorCodeT()
    item.builtinCode, item.deprecatedBuiltinCode, item.version = code, min(code, 127), version
    return item


def _signature(input_index: int, output_index: int) -> Any:
    item = schema.SignatureDefT()
    item.signatureKey, item.subgraphIndex = b"serving_default", 0
    item.inputs, item.outputs = [_tensor_map(b"image", input_index)], [_tensor_map(b"logits", output_index)]
    return item


def _tensor_map(name: bytes, index: int) -> Any:
    item = schema.TensorMapT()
    item.name, item.tensorIndex = name, index
    return item


def _activation(relu: bool) -> int:
    result: int = schema.ActivationFunctionType.RELU if relu else schema.ActivationFunctionType.NONE
    return result


def _conv(writer: _Writer, op: Conv) -> None:
    tensors = writer.graph.tensors
    kernel = tensors[op.weight].shape[1:3]
    padding, source = schema.Padding.VALID, writer.use(op.input)
    if any(op.padding):
        if op.padding == _same_padding(tensors[op.input].shape[1:3], kernel, op.stride):
            padding = schema.Padding.SAME
        else:
            source = _pad(writer, op, source, op.padding)
    options = schema.DepthwiseConv2DOptionsT() if op.depthwise else schema.Conv2DOptionsT()
    _set_conv(options, padding, (op.stride, op.stride), op.relu)
    if op.depthwise:
        options.depthMultiplier = 1
    hybrid = tensors[op.input].dtype == np.float32 and tensors[op.weight].dtype == np.int8
    inputs = [source, writer.use(op.weight), writer.use(op.bias)]
    code = _OP.DEPTHWISE_CONV_2D if op.depthwise else _OP.CONV_2D
    writer.operator(code, inputs, writer.use(op.output), options, hybrid=hybrid)


def _set_conv(options: Any, padding: int, strides: tuple[int, int], relu: bool) -> None:
    options.padding, (options.strideH, options.strideW) = padding, strides
    options.dilationHFactor = options.dilationWFactor = 1
    options.fusedActivationFunction = _activation(relu)


def _same_padding(size: Sequence[int], kernel: Sequence[int], stride: int) -> tuple[int, int, int, int]:
    """Padding of TFLite's SAME: top, bottom, left, right; the odd row goes to the bottom."""
    totals = [max((-(-n // stride) - 1) * stride + k - n, 0) for n, k in zip(size, kernel, strict=True)]
    (top, bottom), (left, right) = ((t // 2, t - t // 2) for t in totals)
    return top, bottom, left, right


def _paired_stem(writer: _Writer, stem: PairedStem) -> None:
    op, tensors = stem.conv, writer.graph.tensors
    _, height, width, channels = tensors[stem.source].shape
    shape = (1, height, width // PAIR, channels * PAIR)
    source = _reshape(writer, f"{op.output}/pairs", writer.use(stem.source), shape, stem.source)
    if stem.column is not None:
        column = writer.tensor(
            f"{op.output}/column", stem.column.shape, stem.column.dtype, stem.column, tensors[stem.source].quantization
        )
        bordered = writer.like(f"{op.output}/bordered", (1, height, width // PAIR + 1, channels * PAIR), stem.source)
        _join(writer, [column, source], bordered, 2)
        source = bordered
    if any(stem.padding):
        source = _pad(writer, op, source, stem.padding)
    scales = tensors[op.weight].quantization
    weight = writer.tensor(op.weight, stem.weight.shape, stem.weight.dtype, stem.weight, scales)
    options = schema.Conv2DOptionsT()
    _set_conv(options, schema.Padding.VALID, (op.stride, op.stride // PAIR), op.relu)
    writer.operator(_OP.CONV_2D, [source, weight, writer.use(op.bias)], writer.use(op.output), options)


def _pad(writer: _Writer, op: Conv, source: int, padding: Padding) -> int:
    top, bottom, left, right = padding
    _, height, width, channels = writer.tensors[source].shape
    shape = (1, height + top + bottom, width + left + right, channels)
    padded = writer.like(f"{op.output}/padded", shape, op.input)
    amounts = writer.integers(f"{op.output}/paddings", [[0, 0], [top, bottom], [left, right], [0, 0]])
    writer.operator(_OP.PAD, [source, amounts], padded, schema.PadOptionsT())
    return padded


def _add(writer: _Writer, op: Add) -> None:
    options = schema.AddOptionsT()
    options.fusedActivationFunction = _activation(op.relu)
    writer.operator(_OP.ADD, [writer.use(name) for name in op.inputs], writer.use(op.output), options)


def _pool(writer: _Writer, op: Pool) -> None:
    """[1, H, W, C] -> [1, 1, H*W, C] -> [1, 1, C, H*W] -> 1x1 conv -> [1, 1, C, bins] -> [1, 1, bins, C]."""
    weight = writer.graph.tensors[op.weight]
    assert weight.data is not None
    bins, area = weight.shape
    channels = writer.graph.tensors[op.input].shape[3]
    flat = _reshape(writer, f"{op.output}/flat", writer.use(op.input), (1, 1, area, channels), op.input)
    turned = _swap_last(writer, f"{op.output}/turned", flat, (1, 1, channels, area), op.input)
    conv_weight = writer.tensor(op.weight, (bins, 1, 1, area), weight.dtype, weight.data, weight.quantization)
    bias_dtype = np.dtype(np.int32 if weight.dtype == np.int8 else np.float32)
    bias = writer.tensor(
        f"{op.output}/bias",
        (bins,),
        bias_dtype,
        np.zeros(bins, bias_dtype),
        _bias_quantization(writer.graph.tensors[op.input], weight),
    )
    pooled = writer.like(f"{op.output}/conv", (1, 1, channels, bins), op.output)
    options = schema.Conv2DOptionsT()
    _set_conv(options, schema.Padding.VALID, (1, 1), False)
    writer.operator(_OP.CONV_2D, [turned, conv_weight, bias], pooled, options)
    _swap_last(writer, op.output, pooled, (1, 1, bins, channels), op.output, writer.use(op.output))


def _bias_quantization(source: Tensor, weight: Tensor) -> Quantization | None:
    if source.quantization is None or weight.quantization is None:
        return None
    return Quantization(source.quantization.scale[0] * weight.quantization.scale, 0, 0)


def _level(writer: _Writer, op: Level) -> None:
    channels = writer.graph.tensors[op.input].shape[3]
    count = op.bins * op.bins
    rows = writer.like(f"{op.output}/rows", (1, 1, count, channels), op.input)
    begin = writer.integers(f"{op.output}/begin", [0, 0, op.start, 0])
    size = writer.integers(f"{op.output}/size", [1, 1, count, channels])
    writer.operator(_OP.SLICE, [writer.use(op.input), begin, size], rows, schema.SliceOptionsT())
    _reshape(writer, op.output, rows, (1, op.bins, op.bins, channels), op.input, writer.use(op.output))


def _resize(writer: _Writer, op: Resize) -> None:
    options = schema.ResizeBilinearOptionsT()
    options.alignCorners, options.halfPixelCenters = op.align_corners, not op.align_corners
    size = writer.integers(f"{op.output}/size", writer.graph.tensors[op.output].shape[1:3])
    writer.operator(_OP.RESIZE_BILINEAR, [writer.use(op.input), size], writer.use(op.output), options)


def _concat(writer: _Writer, op: Concat) -> None:
    _join(writer, [writer.use(name) for name in op.inputs], writer.use(op.output), op.axis)


def _join(writer: _Writer, inputs: Sequence[int], output: int, axis: int) -> None:
    options = schema.ConcatenationOptionsT()
    options.axis = axis
    writer.operator(_OP.CONCATENATION, inputs, output, options)


def _convert(writer: _Writer, op: Convert) -> None:
    to_float = writer.graph.tensors[op.output].dtype == np.float32
    code = _OP.DEQUANTIZE if to_float else _OP.QUANTIZE
    options = schema.DequantizeOptionsT() if to_float else schema.QuantizeOptionsT()
    writer.operator(code, [writer.use(op.input)], writer.use(op.output), options)


def _reshape(
    writer: _Writer, name: str, source: int, shape: Sequence[int], like: str, output: int | None = None
) -> int:
    output = writer.like(name, shape, like) if output is None else output
    options = schema.ReshapeOptionsT()
    options.newShape = list(shape)
    writer.operator(_OP.RESHAPE, [source, writer.integers(f"{name}/shape", shape)], output, options)
    return output


def _swap_last(
    writer: _Writer, name: str, source: int, shape: Sequence[int], like: str, output: int | None = None
) -> int:
    output = writer.like(name, shape, like) if output is None else output
    order = writer.integers(f"{name}/order", [0, 1, 3, 2])
    writer.operator(_OP.TRANSPOSE, [source, order], output, schema.TransposeOptionsT())
    return output


_EMITTERS: dict[type[Op], Any] = {
    Conv: _conv,
    Add: _add,
    Pool: _pool,
    Level: _level,
    Resize: _resize,
    Concat: _concat,
    Convert: _convert,
}
