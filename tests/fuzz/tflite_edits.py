"""Changes to the fields of a .tflite by their meaning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from tests.fuzz.mutations import interesting, mutate_bytes


@cache
def structure(body: bytes) -> tuple[tuple[int, int], ...]:
    """(start, stop) of what is no constant in a flatbuffer, where a large one is split off."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(body, 0)
    constants = []
    for index in range(model.BuffersLength()):
        table = model.Buffers(index)._tab
        offset = table.Offset(4)
        if offset:
            constants.append((table.Vector(offset), table.Vector(offset) + model.Buffers(index).DataLength()))
    regions, at = [], 0
    for start, stop in sorted(constants):
        if start > at:
            regions.append((at, start))
        at = stop
    return (*regions, (at, len(body)))


_Edit = Callable[[np.random.Generator, Any, Any], None]


def edit_fields(rng: np.random.Generator, body: bytes) -> bytes:
    """Change fields by their meaning, and pack the model anew."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(body, 0)
    try:
        for _ in range(int(rng.choice([1, 1, 2, 3]))):
            _one(rng, _FIELD_EDITS)(rng, model, model.subgraphs[0])
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())
    except Exception:  # nothing is left to change, or the packer cannot write such a value: change bytes instead
        return mutate_bytes(rng, body, [], structure(body))


def _one(rng: np.random.Generator, values: Sequence[Any]) -> Any:
    return values[int(rng.integers(len(values)))]


def _number(rng: np.random.Generator, old: int, low: int = -(2**31), high: int = 2**31 - 1) -> int:
    if rng.random() < 0.5:
        return int(np.clip(int(old) + int(rng.integers(-2, 3)), low, high))
    return int(np.clip(interesting(rng), low, high))


def _edit_shape(rng: np.random.Generator, model: Any, graph: Any) -> None:
    tensor = _one(rng, graph.tensors)
    shape = [int(n) for n in tensor.shape] if tensor.shape is not None else []
    choice = rng.random()
    if shape and choice < 0.7:
        at = int(rng.integers(len(shape)))
        shape[at] = _number(rng, shape[at])
    elif shape and choice < 0.8:
        rng.shuffle(shape)
    elif choice < 0.9:
        shape.append(_number(rng, 1))
    else:
        shape = shape[1:]
    tensor.shape = shape


def _edit_type(rng: np.random.Generator, model: Any, graph: Any) -> None:
    _one(rng, graph.tensors).type = int(rng.integers(-1, 25))


def _edit_buffer(rng: np.random.Generator, model: Any, graph: Any) -> None:
    _one(rng, graph.tensors).buffer = _number(rng, int(rng.integers(len(model.buffers))), 0, 2**32 - 1)


def _edit_data(rng: np.random.Generator, model: Any, graph: Any) -> None:
    buffer = _one(rng, model.buffers)
    data = b"" if buffer.data is None else bytes(bytearray(buffer.data))
    choice = rng.random()
    if choice < 0.3:
        data = data[: int(rng.integers(len(data) + 1))]
    elif choice < 0.4:
        data = data + data[:8]
    elif choice < 0.5:
        buffer.offset, buffer.size = abs(interesting(rng)), abs(interesting(rng))
    elif len(data) <= 64 and len(data) >= 4:  # shapes, paddings, orders
        values = np.frombuffer(data[: len(data) // 4 * 4], np.int32).copy()
        values[int(rng.integers(len(values)))] = _number(rng, 1)
        data = values.tobytes()
    buffer.data = np.frombuffer(data, np.uint8) if data else None


def _edit_quantization(rng: np.random.Generator, model: Any, graph: Any) -> None:
    tensor = _one(rng, graph.tensors)
    quantization = tensor.quantization
    if quantization is None:
        tensor.quantization = _one(rng, graph.tensors).quantization
        return
    scales, zeros = np.array(quantization.scale, np.float32), np.array(quantization.zeroPoint, np.int64)
    choice = int(rng.integers(6))
    if choice == 0 and len(scales):
        scales[int(rng.integers(len(scales)))] = _one(rng, [0, -1, np.nan, np.inf, 1e-45, 1e-30, 1e-10, 1e10, 1e38, 3])
    elif choice == 1 and len(zeros):
        zeros[int(rng.integers(len(zeros)))] = interesting(rng)
    elif choice == 2:
        scales = scales[: int(rng.integers(len(scales) + 1))]
    elif choice == 3:
        zeros = zeros[: int(rng.integers(len(zeros) + 1))]
    elif choice == 4:
        quantization.quantizedDimension = _number(rng, 0)
    else:
        count = int(rng.integers(1, 20))
        scales, zeros = np.resize(scales, count) if len(scales) else scales, np.resize(zeros, count)
    quantization.scale, quantization.zeroPoint = scales, zeros


def _edit_operands(rng: np.random.Generator, model: Any, graph: Any) -> None:
    holder = _one(rng, [*graph.operators, *graph.operators, *graph.operators, graph])
    name = _one(rng, ["inputs", "inputs", "outputs"])
    indices = [int(i) for i in getattr(holder, name)]
    choice = rng.random()
    if indices and choice < 0.7:
        indices[int(rng.integers(len(indices)))] = _number(rng, int(rng.integers(len(graph.tensors))))
    elif indices and choice < 0.8:
        del indices[int(rng.integers(len(indices)))]
    elif choice < 0.9:
        indices.append(int(rng.integers(len(graph.tensors))))
    else:
        indices = indices[::-1]
    setattr(holder, name, indices)


def _edit_options(rng: np.random.Generator, model: Any, graph: Any) -> None:
    operator = _one(rng, graph.operators)
    options = operator.builtinOptions
    if options is None or rng.random() < 0.15:
        operator.builtinOptionsType = int(rng.integers(0, 120))
        return
    fields = [name for name, value in vars(options).items() if isinstance(value, int | bool)]
    if not fields:
        operator.builtinOptions, operator.builtinOptionsType = None, 0
        return
    name = _one(rng, fields)
    value = _number(rng, getattr(options, name))
    setattr(options, name, int(rng.integers(-1, 7)) if name in ("padding", "fusedActivationFunction") else value)


def _edit_code(rng: np.random.Generator, model: Any, graph: Any) -> None:
    if rng.random() < 0.4:
        _one(rng, graph.operators).opcodeIndex = _number(rng, int(rng.integers(len(model.operatorCodes))), 0, 2**32 - 1)
        return
    code = _one(rng, model.operatorCodes)
    if rng.random() < 0.5:
        code.version = _number(rng, code.version)
        return
    number = int(rng.integers(0, 212))
    code.builtinCode, code.deprecatedBuiltinCode = number, min(number, 127)


def _edit_order(rng: np.random.Generator, model: Any, graph: Any) -> None:
    at, to = (int(i) for i in rng.integers(len(graph.operators), size=2))
    choice = rng.random()
    if choice < 0.5:
        graph.operators[at], graph.operators[to] = graph.operators[to], graph.operators[at]
    elif choice < 0.75:
        del graph.operators[at]
    else:
        graph.operators.insert(to, graph.operators[at])


def _edit_strangers(rng: np.random.Generator, model: Any, graph: Any) -> None:
    """Fields that our exporter never writes."""
    from ai_edge_litert import schema_py_generated as schema

    tensor, choice = _one(rng, graph.tensors), int(rng.integers(7))
    if choice == 0:
        tensor.isVariable = True
    elif choice == 1:
        tensor.shapeSignature = [-1, *[int(n) for n in tensor.shape][1:]]
    elif choice == 2:
        tensor.sparsity = schema.SparsityParametersT()
        tensor.sparsity.traversalOrder = [0, 1, 2, 3]
        tensor.sparsity.blockMap = [0]
    elif choice == 3:
        model.metadata = [schema.MetadataT()]
        model.metadata[0].name, model.metadata[0].buffer = b"min_runtime_version", _number(rng, 1, 0, 2**32 - 1)
    elif choice == 4:
        model.subgraphs.append(graph)
    elif choice == 5:
        operator = _one(rng, graph.operators)
        operator.customOptions, operator.intermediates = [1, 2, 3], [_number(rng, 1)]
    else:
        signature = _one(rng, model.signatureDefs or [schema.SignatureDefT()])
        signature.subgraphIndex = _number(rng, 0, 0, 2**32 - 1)
        for entry in signature.inputs or []:
            entry.tensorIndex = _number(rng, entry.tensorIndex, 0, 2**32 - 1)


_FIELD_EDITS: tuple[_Edit, ...] = (
    _edit_shape,
    _edit_type,
    _edit_buffer,
    _edit_data,
    _edit_quantization,
    _edit_operands,
    _edit_options,
    _edit_code,
    _edit_order,
    _edit_strangers,
)
