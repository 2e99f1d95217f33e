"""A growing list of ONNX nodes and constants, each named after the one value it makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper


class Nodes:
    """Nodes in the order they run.

    Args:
        dtype: that of float values, float32 or float16.
    """

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype
        self.onnx_type = helper.np_dtype_to_tensor_dtype(dtype)
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, TensorProto] = {}

    def add(self, op_type: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Append a node; returns the name of its one output, which is the node's name too."""
        self.nodes.append(helper.make_node(op_type, list(inputs), [output], name=output, **attributes))
        return output

    def name_last(self, output: str) -> None:
        """Give the value of the last node another name."""
        self.nodes[-1].output[0] = self.nodes[-1].name = output

    def constant(self, name: str, data: np.ndarray) -> str:
        """Name of an initializer, written once however often it is requested."""
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(data, name)
        return name

    def real(self, name: str, value: float | np.ndarray) -> str:
        """Name of a constant of the file's float type."""
        return self.constant(name, np.asarray(value, self.dtype))

    def integers(self, name: str, values: Sequence[int]) -> str:
        """Name of a constant int64 vector, as shapes and indices are."""
        return self.constant(name, np.array(values, np.int64))

    def piece(self, x: str, start: int, end: int, name: str) -> str:
        """``x[start:end]`` of a vector."""
        ends = [self.integers(f"index/{value}", [value]) for value in (start, end)]
        return self.add("Slice", [x, *ends], name)
