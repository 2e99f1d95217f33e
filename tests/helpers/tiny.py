"""The smallest .tflite that looks like ours: one 1x1 convolution of stride 8, C classes by color."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fastscnn_edge.classes import CAMVID, CITYSCAPES, generic
from fastscnn_edge.runtime.engines.tflite_file import attach_spec
from fastscnn_edge.spec import INT8_NATIVE, ModelSpec


def spec(
    height: int = 64, width: int = 96, classes: int = 11, precision: str = "int8", align_corners: bool = False
) -> ModelSpec:
    """A description as the exporter writes it."""
    return ModelSpec(
        height=height,
        width=width,
        classes={11: CAMVID, 19: CITYSCAPES}.get(classes) or generic(classes),
        normalization=INT8_NATIVE,
        dialect="mmseg",
        align_corners=align_corners,
        precision=precision,
        scheme="affine" if precision == "int8" else "float",
        checkpoint_sha256="0" * 64,
        version="0.0.0",
    )


def weights(classes: int) -> np.ndarray:
    """int8 [C, 1, 1, 3]: each class likes another color."""
    return np.random.default_rng(classes).integers(-127, 128, (classes, 1, 1, 3)).astype(np.int8)


def body(of: ModelSpec, classes: int | None = None) -> bytes:
    """The flatbuffer; ``classes`` other than the description's makes it a liar."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    count = len(of.classes) if classes is None else classes
    integer = of.precision == "int8"
    model = schema.ModelT()
    model.version = 3
    model.buffers = [schema.BufferT()]
    model.operatorCodes = [schema.OperatorCodeT()]
    model.operatorCodes[0].builtinCode = schema.BuiltinOperator.CONV_2D
    model.operatorCodes[0].deprecatedBuiltinCode = schema.BuiltinOperator.CONV_2D
    model.operatorCodes[0].version = 3 if integer else 1
    graph = schema.SubGraphT()

    def tensor(name: str, shape: tuple[int, ...], kind: int, scale: float | None, data: np.ndarray | None) -> int:
        t = schema.TensorT()
        t.name, t.shape, t.type, t.buffer = name, list(shape), kind, 0
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            model.buffers.append(buffer)
            t.buffer = len(model.buffers) - 1
        if scale is not None:
            t.quantization = schema.QuantizationParametersT()
            t.quantization.scale, t.quantization.zeroPoint = [scale], [0]
        graph.tensors.append(t)
        return len(graph.tensors) - 1

    graph.tensors = []
    types = schema.TensorType
    kind, bias_kind = (types.INT8, types.INT32) if integer else (types.FLOAT32, types.FLOAT32)
    filters = weights(count) if integer else weights(count).astype(np.float32)
    bias = np.zeros(count, np.int32 if integer else np.float32)
    grid = (-(-of.height // 8), -(-of.width // 8))
    scales = (1.0, 1.0, 1.0, 381.0) if integer else (None,) * 4
    graph.inputs = [tensor("image", (1, of.height, of.width, 3), kind, scales[0], None)]
    operands = [
        tensor("weights", filters.shape, kind, scales[1], filters),
        tensor("bias", (count,), bias_kind, scales[2], bias),
    ]
    graph.outputs = [tensor("logits", (1, *grid, count), kind, scales[3], None)]
    operator = schema.OperatorT()
    operator.inputs, operator.outputs = [*graph.inputs, *operands], graph.outputs
    operator.builtinOptionsType = schema.BuiltinOptions.Conv2DOptions
    operator.builtinOptions = schema.Conv2DOptionsT()
    operator.builtinOptions.padding = schema.Padding.VALID
    operator.builtinOptions.strideH = operator.builtinOptions.strideW = 8
    graph.operators = [operator]
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def write(path: Path, of: ModelSpec | None = None, classes: int | None = None) -> Path:
    """Write an artifact to ``path``."""
    of = of or spec()
    path.write_bytes(attach_spec(body(of, classes), of))
    return path
