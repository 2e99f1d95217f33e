"""Producers and consumers of each value of an ONNX model, subgraphs included.

A name refers to the definition in the nearest enclosing graph, so every graph has its own tables and asks the graph
around it for the names it does not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import onnx.inliner
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, numpy_helper

# These rearrange or copy elements, so a scale that holds before them holds after them.
MOVES = frozenset({"Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Expand", "Split"})


@dataclass(eq=False)
class Scope:
    """One graph: its definitions, and their consumers here or in a graph inside it."""

    parent: Scope | None
    nodes: list[Node] = field(default_factory=list)
    producers: dict[str, Node] = field(default_factory=dict)
    constants: dict[str, TensorProto] = field(default_factory=dict)
    inputs: dict[str, int] = field(default_factory=dict)  # name -> element type, 0 unknown
    outputs: set[str] = field(default_factory=set)
    readers: dict[str, list[Node]] = field(default_factory=dict)

    def owner(self, name: str) -> Scope:
        """The graph that defines ``name``; this one if none does."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.producers or name in scope.constants or name in scope.inputs:
                return scope
            scope = scope.parent
        return self


@dataclass(frozen=True, eq=False)
class Node:
    """One operator. A missing optional input or output is ''."""

    proto: NodeProto
    scope: Scope

    @property
    def op(self) -> str:
        return self.proto.op_type

    @property
    def label(self) -> str:
        """Its name, or its operator and output if it has none."""
        return self.proto.name or f"{self.op} -> {next((o for o in self.proto.output if o), '?')}"

    def input(self, index: int) -> str:
        return self.proto.input[index] if index < len(self.proto.input) else ""

    def attribute(self, name: str, default: int) -> int:
        """An integer attribute."""
        return next((a.i for a in self.proto.attribute if a.name == name), default)

    def text(self, name: str, default: str) -> str:
        """A string attribute."""
        return next((a.s.decode(errors="replace") for a in self.proto.attribute if a.name == name), default)


def index_model(model: ModelProto) -> list[Node]:
    """All nodes of all graphs, in the file's order; functions of the model's own are expanded first."""
    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    top = _define(model.graph, None)
    nodes = list(_walk(top, model.graph))
    for node in nodes:
        for name in {name for name in node.proto.input if name}:
            node.scope.owner(name).readers.setdefault(name, []).append(node)
    return nodes


def producer(node: Node, index: int) -> Node | None:
    """The producer of input ``index``, looking through Identity; None for constants and graph inputs."""
    return producer_of(node.scope, node.input(index))


def producer_of(scope: Scope, name: str) -> Node | None:
    owner = scope.owner(name)
    made_by = owner.producers.get(name)
    while made_by is not None and made_by.op == "Identity":
        name = made_by.input(0)
        owner = made_by.scope.owner(name)
        made_by = owner.producers.get(name)
    return made_by


def readers(node: Node) -> list[Node]:
    """Consumers of its outputs, looking through Identity."""
    found = []
    for reader in _direct_readers(node):
        found += readers(reader) if reader.op == "Identity" else [reader]
    return found


def is_output(node: Node) -> bool:
    """Whether an output, itself or through Identity, leaves its graph."""
    copies = [reader for reader in _direct_readers(node) if reader.op == "Identity"]
    return any(name in node.scope.outputs for name in node.proto.output) or any(is_output(copy) for copy in copies)


def constant(node: Node, index: int) -> TensorProto | None:
    """Input ``index`` if it is stored in the file: an initializer or a Constant node, also through Identity."""
    name = node.input(index)
    owner = node.scope.owner(name)
    made_by = producer_of(owner, name)
    if made_by is not None:
        return _constant_node(made_by)
    direct = owner.producers.get(name)
    while direct is not None:  # Identity of an initializer
        name = direct.input(0)
        owner = direct.scope.owner(name)
        direct = owner.producers.get(name)
    return owner.constants.get(name)


def is_constant(node: Node, index: int) -> bool:
    """Whether input ``index`` depends on nothing but the file, for instance a dequantized weight."""
    if constant(node, index) is not None:
        return True
    made_by = producer(node, index)
    if made_by is None or made_by.op not in MOVES | {"QuantizeLinear", "DequantizeLinear", "Cast"}:
        return False
    return is_constant(made_by, 0)


def array(tensor: TensorProto | None) -> np.ndarray | None:
    """Values of a tensor; None if there is no tensor or its data lies in a file that is missing."""
    if tensor is None or tensor.data_location == TensorProto.EXTERNAL:
        return None
    return numpy_helper.to_array(tensor)


def input_type(node: Node, index: int) -> int:
    """Element type of input ``index`` if it is a constant or a graph input, else 0."""
    stored = constant(node, index)
    if stored is not None:
        return stored.data_type
    name = node.input(index)
    return node.scope.owner(name).inputs.get(name, 0)


def _direct_readers(node: Node) -> list[Node]:
    return [reader for name in node.proto.output for reader in node.scope.readers.get(name, [])]


def _constant_node(node: Node) -> TensorProto | None:
    if node.op != "Constant":
        return None
    for attribute in node.proto.attribute:
        if attribute.name == "value":
            result: TensorProto | None = attribute.t
            return result
        if attribute.name in ("value_float", "value_floats"):
            values = np.asarray(attribute.f if attribute.name == "value_float" else attribute.floats, np.float32)
            return numpy_helper.from_array(values)
        if attribute.name in ("value_int", "value_ints"):
            values = np.asarray(attribute.i if attribute.name == "value_int" else attribute.ints, np.int64)
            return numpy_helper.from_array(values)
    return None


def _define(graph: GraphProto, parent: Scope | None) -> Scope:
    scope = Scope(parent)
    scope.constants = {tensor.name: tensor for tensor in graph.initializer}
    scope.inputs = {
        value.name: value.type.tensor_type.elem_type for value in graph.input if value.name not in scope.constants
    }
    scope.outputs = {value.name for value in graph.output}
    for proto in graph.node:
        node = Node(proto, scope)
        scope.nodes.append(node)
        scope.producers |= {name: node for name in proto.output if name}
    return scope


def _walk(scope: Scope, graph: GraphProto) -> Iterator[Node]:
    for node in scope.nodes:
        yield node
        for attribute in node.proto.attribute:
            inner = [attribute.g] if attribute.type == AttributeProto.GRAPH else list(attribute.graphs)
            for subgraph in inner:
                yield from _walk(_define(subgraph, scope), subgraph)
