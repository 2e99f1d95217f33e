"""What a .tflite says, as plain data: tensors and operators, each field read through checked offsets.

Slots are the numbers of the fields in TFLite's schema (tensorflow/compiler/mlir/lite/schema/schema.fbs).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .flatbuffer import FlatbufferError, Table, root

FLOAT32, FLOAT16, INT32, INT64, INT16, INT8 = 0, 1, 2, 4, 7, 9

DTYPES: dict[int, np.dtype[Any]] = {
    FLOAT32: np.dtype("<f4"),
    FLOAT16: np.dtype("<f2"),
    INT32: np.dtype("<i4"),
    INT64: np.dtype("<i8"),
    INT16: np.dtype("<i2"),
    INT8: np.dtype("i1"),
}
"""Types of tensors that this package writes."""

_LAST_TYPE = 31
"""No schema so far has more types of tensors; each is at most 16 bytes wide."""

MOST_DIMENSIONS = 8


@dataclass(frozen=True)
class Tensor:
    """A tensor.

    Attributes:
        shape: extents, all at least 1.
        kind: type by its number in the schema.
        data: view of a constant's bytes, uint8; None for what is computed.
        scales, zero_points: float32 and int64, of equal length; empty for float tensors.
        axis: dimension that several scales belong to.
    """

    name: str
    shape: tuple[int, ...]
    kind: int
    data: np.ndarray | None
    scales: np.ndarray
    zero_points: np.ndarray
    axis: int

    @property
    def size(self) -> int:
        """Size in bytes."""
        count = 1
        for extent in self.shape:
            count *= extent
        return count * (DTYPES[self.kind].itemsize if self.kind in DTYPES else 16)

    def values(self) -> np.ndarray:
        """A constant's values, in its shape."""
        assert self.data is not None
        result: np.ndarray = self.data.view(DTYPES[self.kind]).reshape(self.shape)
        return result


@dataclass(frozen=True)
class Operator:
    """An operator: builtin number and version, indices of tensors, and its options as they stand in the file."""

    code: int
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options_kind: int
    options: Table | None


@dataclass
class Model:
    """A model of one graph.

    Attributes:
        foreign: kinds of content that this package never writes, in words; they are not checked here.
    """

    tensors: list[Tensor] = field(default_factory=list)
    operators: list[Operator] = field(default_factory=list)
    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    foreign: list[str] = field(default_factory=list)


def read_model(data: memoryview) -> Model:
    """Read the flatbuffer ``data``; constants stay views of it.

    Raises:
        FlatbufferError: it is damaged, or an index or length in it cannot be right.
    """
    top = root(data, b"TFL3")
    model = Model()
    _strangers(model, top, "model", known=(0, 1, 2, 3, 4, 7))
    if top.scalar(0, "I") != 3:
        raise FlatbufferError(f"it has schema version {top.scalar(0, 'I')}, not 3")
    top.vector(3, np.uint8)
    buffers = [_buffer(table) for table in top.tables(4)]
    if not buffers or buffers[0] is not None:
        raise FlatbufferError("its first buffer is not empty")
    codes = [_operator_code(model, table) for table in top.tables(1)]
    graphs = top.tables(2)
    if not graphs:
        raise FlatbufferError("it has no graph")
    if len(graphs) > 1:
        model.foreign.append("several graphs")
    _read_graph(model, graphs[0], buffers, codes)
    for signature in top.tables(7):
        _check_signature(model, signature, len(graphs))
    return model


def _strangers(model: Model, table: Table, what: str, known: tuple[int, ...]) -> None:
    """Note the fields of ``table`` that this package never writes."""
    model.foreign += [f"field {slot} of a {what}" for slot in sorted(table.slots - set(known))]


def _buffer(table: Table) -> np.ndarray | None:
    if table.slots - {0}:
        raise FlatbufferError("it has constants outside the flatbuffer")
    content = table.vector(0, np.uint8)
    return content if len(content) else None


def _operator_code(model: Model, table: Table) -> tuple[int, int]:
    """(builtin number, version). The number stands in either of two fields, of which the larger counts."""
    _strangers(model, table, "operator code", known=(0, 2, 3))
    table.text(1)
    return max(table.scalar(0, "b"), table.scalar(3, "i")), table.scalar(2, "i", 1)


def _read_graph(model: Model, graph: Table, buffers: list[np.ndarray | None], codes: list[tuple[int, int]]) -> None:
    _strangers(model, graph, "graph", known=(0, 1, 2, 3, 4))
    graph.text(4)
    model.tensors = [_tensor(model, table, buffers) for table in graph.tables(0)]
    count = len(model.tensors)
    model.inputs, model.outputs = _indices(graph, 1, count), _indices(graph, 2, count)
    for table in graph.tables(3):
        _strangers(model, table, "operator", known=(0, 1, 2, 3, 4))
        code = table.scalar(0, "I")
        if code >= len(codes):
            raise FlatbufferError(f"an operator is of kind {code}, and {len(codes)} are listed")
        inputs, outputs = _indices(table, 1, count, model), _indices(table, 2, count)
        model.operators.append(Operator(*codes[code], inputs, outputs, table.scalar(3, "B"), table.table(4)))


def _indices(table: Table, slot: int, count: int, optional: Model | None = None) -> tuple[int, ...]:
    """Indices of tensors. With ``optional``, -1 for an absent one is noted there."""
    result = tuple(table.short_vector(slot, np.int32).tolist())
    if optional is not None and -1 in result:
        optional.foreign.append("an operator without one of its inputs")
    if any(not (0 if optional is None else -1) <= index < count for index in result):
        raise FlatbufferError(f"a tensor is named that is none of the {count}")
    return result


def _tensor(model: Model, table: Table, buffers: list[np.ndarray | None]) -> Tensor:
    _strangers(model, table, "tensor", known=(0, 1, 2, 3, 4))
    name = table.text(3)
    if len(shape := tuple(table.short_vector(0, np.int32).tolist())) > MOST_DIMENSIONS:
        raise FlatbufferError(f"a tensor has {len(shape)} dimensions; at most {MOST_DIMENSIONS} are read")
    kind, buffer = table.scalar(1, "b"), table.scalar(2, "I")
    if not 0 <= kind <= _LAST_TYPE or buffer >= len(buffers):
        raise FlatbufferError(f"tensor {name!r:.60} has an unknown type or a buffer that is not there")
    if any(extent < 1 for extent in shape):
        raise FlatbufferError(f"tensor {name!r:.60} has the shape {list(shape)}")
    scales, zero_points, axis = _quantization(model, table.table(4))
    return Tensor(name, shape, kind, buffers[buffer], scales, zero_points, axis)


def _quantization(model: Model, table: Table | None) -> tuple[np.ndarray, np.ndarray, int]:
    if table is None:
        return np.empty(0, np.float32), np.empty(0, np.int64), 0
    _strangers(model, table, "quantization", known=(2, 3, 6))
    return table.short_vector(2, np.float32), table.short_vector(3, np.int64), table.scalar(6, "i")


def _check_signature(model: Model, table: Table, graphs: int) -> None:
    _strangers(model, table, "signature", known=(0, 1, 2, 4))
    table.text(2)
    if table.scalar(4, "I") >= graphs:
        raise FlatbufferError("a signature is of a graph that is not there")
    for slot, own in ((0, model.inputs), (1, model.outputs)):
        for entry in table.tables(slot):
            entry.text(0)
            if entry.scalar(1, "I") not in own:
                raise FlatbufferError("a signature names a tensor that is no input or output of the graph")
