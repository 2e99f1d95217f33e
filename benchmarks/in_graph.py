"""A .tflite that ends in classes, as any converter writes it, but with our integers: to compare only the ends."""

from __future__ import annotations

import ai_edge_litert.schema_py_generated as schema
import flatbuffers
import numpy as np


def append_classes(file: bytes, size: tuple[int, int], align_corners: bool) -> bytes:
    """Extend ``file`` by RESIZE_BILINEAR to ``size`` (height, width) and ARG_MAX.

    Returns:
        A flatbuffer whose output is int32 [1, H, W].
    """
    model = schema.ModelT.InitFromPackedBuf(file, 0)
    _append(model, size, align_corners)
    return _packed(model)


def head_only(grid: tuple[int, int], size: tuple[int, int], num_classes: int, align_corners: bool) -> bytes:
    """Only that end: int8 logits [1, h, w, num_classes] to int32 classes [1, H, W]."""
    model = schema.ModelT()
    model.version, model.operatorCodes, model.buffers = 3, [], [schema.BufferT()]
    graph = schema.SubGraphT()
    graph.tensors, graph.operators = [], []
    model.subgraphs = [graph]
    source = _tensor(model, "logits", [1, *grid, num_classes], schema.TensorType.INT8)
    unit = schema.QuantizationParametersT()
    unit.scale, unit.zeroPoint = np.ones(1, np.float32), np.zeros(1, np.int64)
    graph.tensors[source].quantization = unit
    graph.inputs = graph.outputs = [source]
    _append(model, size, align_corners)
    return _packed(model)


def _append(model: schema.ModelT, size: tuple[int, int], align_corners: bool) -> None:
    graph = model.subgraphs[0]
    logits = graph.tensors[graph.outputs[0]]
    resized = _tensor(model, "upsampled", [1, *size, int(logits.shape[3])], logits.type)
    graph.tensors[resized].quantization = logits.quantization
    extent = _constant(model, "size", np.array(size, np.int32))
    axis = _constant(model, "axis", np.array([3], np.int32))
    result = _tensor(model, "classes", [1, *size], schema.TensorType.INT32)

    resize = schema.ResizeBilinearOptionsT()
    resize.alignCorners, resize.halfPixelCenters = align_corners, not align_corners
    pick = schema.ArgMaxOptionsT()
    pick.outputType = schema.TensorType.INT32
    builtin, options = schema.BuiltinOperator, schema.BuiltinOptions
    graph.operators += [
        _operator(
            model,
            builtin.RESIZE_BILINEAR,
            3,
            [graph.outputs[0], extent],
            resized,
            options.ResizeBilinearOptions,
            resize,
        ),
        _operator(model, builtin.ARG_MAX, 2, [resized, axis], result, options.ArgMaxOptions, pick),
    ]
    graph.outputs = [result]
    for signature in model.signatureDefs or []:
        signature.outputs[0].tensorIndex = result


def _packed(model: schema.ModelT) -> bytes:
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _tensor(model: schema.ModelT, name: str, shape: list[int], kind: int, buffer: int = 0) -> int:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = name, shape, kind, buffer
    model.subgraphs[0].tensors.append(tensor)
    return len(model.subgraphs[0].tensors) - 1


def _constant(model: schema.ModelT, name: str, values: np.ndarray) -> int:
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    model.buffers.append(buffer)
    return _tensor(model, name, list(values.shape), schema.TensorType.INT32, len(model.buffers) - 1)


def _operator(
    model: schema.ModelT, builtin: int, version: int, inputs: list[int], output: int, kind: int, options: object
) -> schema.OperatorT:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = builtin
    code.version = version
    model.operatorCodes.append(code)
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = len(model.operatorCodes) - 1, inputs, [output]
    operator.builtinOptionsType, operator.builtinOptions = kind, options
    return operator
