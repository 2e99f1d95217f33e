"""A small QDQ model that keeps every rule, and edits that break one rule each."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

STEP = np.float32(0.05)


class Builder:
    """Collects nodes and initializers; every method returns the name of what it made."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []

    def constant(self, name: str, values: np.ndarray) -> str:
        self.initializers.append(numpy_helper.from_array(values, name))
        return name

    def node(self, op: str, inputs: list[str], name: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(op, inputs, [name], name=f"{name}_node", **attributes))
        return name

    def pair(self, name: str, step: float = STEP) -> str:
        """Q and DQ behind ``name``: nodes ``name_q_node`` and ``name_dq_node``."""
        scale = self.constant(f"{name}_scale", np.float32(step))
        zero = self.constant(f"{name}_zero", np.int8(0))
        self.node("QuantizeLinear", [name, scale, zero], f"{name}_q")
        return self.node("DequantizeLinear", [f"{name}_q", scale, zero], f"{name}_dq")

    def weight(self, name: str, shape: tuple[int, ...], axis: int = 0) -> str:
        """int8 weights with a scale per channel, dequantized."""
        values = np.random.default_rng(0).integers(-127, 128, shape).astype(np.int8)
        self.constant(name, values)
        scale = self.constant(f"{name}_scale", np.full(shape[axis], 0.01, np.float32))
        zero = self.constant(f"{name}_zero", np.zeros(shape[axis], np.int8))
        return self.node("DequantizeLinear", [name, scale, zero], f"{name}_dq", axis=axis)

    def conv(self, data: str, name: str, channels: int = 4) -> str:
        """3x3 convolution 4 -> ``channels`` with a float bias."""
        weight = self.weight(f"{name}_w", (channels, 4, 3, 3))
        bias = self.constant(f"{name}_b", np.zeros(channels, np.float32))
        return self.node("Conv", [data, weight, bias], name, pads=[1, 1, 1, 1], kernel_shape=[3, 3])

    def model(self, inputs: dict[str, list[object]], output: str, output_shape: list[object]) -> ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "graph",
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, output_shape)],
            self.initializers,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
        onnx.checker.check_model(model, full_check=True)
        return model


def clean() -> ModelProto:
    """image [1, 4, 8, 8] -> scores [1, 3]: convolutions, residual addition, pools, resize, concat, Gemm, MatMul."""
    b = Builder()
    first = b.pair(b.node("Relu", [b.conv(b.pair("image"), "stem")], "a"))
    second = b.conv(first, "body")
    added = b.pair(b.node("Relu", [b.node("Add", [second, first], "sum")], "b"))
    pooled = b.pair(b.node("AveragePool", [added], "c", kernel_shape=[2, 2], strides=[2, 2]))
    sizes = b.constant("sizes", np.array([1, 4, 8, 8], np.int64))
    resized = b.pair(b.node("Resize", [pooled, "", "", sizes], "d", mode="linear"))
    both = b.pair(b.node("Concat", [added, resized], "e", axis=1))
    strongest = b.pair(b.node("MaxPool", [both], "f", kernel_shape=[2, 2], strides=[2, 2]))
    vector = b.node("Flatten", [b.pair(b.node("GlobalAveragePool", [strongest], "g"))], "h")
    bias = b.constant("dense_b", np.zeros(5, np.float32))
    hidden = b.pair(b.node("Gemm", [vector, b.weight("dense_w", (5, 8)), bias], "dense", transB=1))
    b.node("MatMul", [hidden, b.weight("last_w", (5, 3), axis=1)], "scores")
    return b.model({"image": [1, 4, 8, 8]}, "scores", [1, 3])


def find(model: ModelProto, name: str) -> NodeProto:
    return next(node for node in model.graph.node if node.name == f"{name}_node")


def replace_constant(model: ModelProto, name: str, values: np.ndarray) -> None:
    old = next(tensor for tensor in model.graph.initializer if tensor.name == name)
    old.CopyFrom(numpy_helper.from_array(values, name))


def rewire(model: ModelProto, node: str, index: int, source: str) -> None:
    """Let input ``index`` of a node read ``source``."""
    find(model, node).input[index] = source


def add_pair(model: ModelProto, node: str, index: int, step: float = STEP) -> str:
    """Put Q/DQ in front of one input of a node; returns the name of what is quantized."""
    name = find(model, node).input[index]
    b = Builder()
    source = f"{name}_again"
    b.node("Identity", [name], source)
    rewire(model, node, index, b.pair(source, step))
    at = list(model.graph.node).index(find(model, node))
    for offset, extra in enumerate(b.nodes):
        model.graph.node.insert(at + offset, extra)
    model.graph.initializer.extend(b.initializers)
    return name
