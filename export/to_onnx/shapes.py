"""Extents in an .onnx: numbers if they are fixed, computed from the input if they are left open."""

from __future__ import annotations

import numpy as np

from ...quantization.graph.graph import Conv, Graph, Level, Padding, Pool, Resize
from .nodes import Nodes
from .options import UINT8, OnnxOptions

Extent = tuple[int, int] | str
"""(height, width) in pixels, or the name of an int64 [2] value that holds them."""


class Shapes:
    """Extents within one graph that is being written; appends nodes if one has to be computed."""

    def __init__(self, graph: Graph, nodes: Nodes, options: OnnxOptions) -> None:
        self.graph, self.nodes, self.options = graph, nodes, options

    def padding(self, op: Conv) -> Padding:
        """Padding of a convolution. A graph counts only what is reached; for an open size all of it is written."""
        return (max(op.padding),) * 4 if self.options.dynamic_size else op.padding

    def image(self, image: str) -> Extent:
        """Input shape."""
        if not self.options.dynamic_size:
            _, height, width, _ = self.graph.tensors[self.graph.input].shape
            return height, width
        start = 1 if self.options.input == UINT8 else 2
        return self.nodes.piece(self._shape(image), start, start + 2, f"{image}/extent")

    def resized(self, op: Resize, values: dict[str, str]) -> Extent:
        """Output shape of a resize: the extent of the first activation that has it."""
        _, height, width, _ = self.graph.tensors[op.output].shape
        if not self.options.dynamic_size:
            return height, width
        like = next(n for n in values if self.graph.tensors[n].shape[1:3] == (height, width))
        return self.nodes.piece(self._shape(values[like]), 2, 4, f"{op.output}/extent")

    def sizes(self, x: str, channels: int, extent: Extent, name: str) -> str:
        """Name of the int64 [N, C, H, W] that Resize takes."""
        if isinstance(extent, tuple) and not self.options.dynamic_batch:
            return self.nodes.integers(name, [1, channels, *extent])
        if isinstance(extent, tuple):
            extent = self.nodes.integers(f"{name}/extent", extent)
        batch = self.nodes.piece(self._shape(x), 0, 2, f"{name}/batch")
        return self.nodes.add("Concat", [batch, extent], name, axis=0)

    def strip(self, x: str, pixel: str, axis: int, name: str) -> str:
        """A row (``axis`` 2) or column (3) of ``pixel`` [1, C, 1, 1] as long as ``x`` [N, C, H, W] is."""
        shape, one = self._shape(x), self.nodes.integers("one", [1])
        parts = [self.nodes.piece(shape, 0, axis, f"{name}/before"), one]
        if axis == 2:
            parts.append(self.nodes.piece(shape, 3, 4, f"{name}/after"))
        return self.nodes.add("Expand", [pixel, self.nodes.add("Concat", parts, f"{name}/shape", axis=0)], name)

    def pool(self, op: Pool, x: str) -> str:
        """All bins of the pyramid, [N, C, bins], from matrices made of the input's own extents.

        Per level, averaging rows and averaging columns are two small products (x is [N, C, H, W]).
        """
        levels = sorted(
            (o for o in self.graph.ops if isinstance(o, Level) and o.input == op.output), key=lambda level: level.start
        )
        channels, parts = self.graph.tensors[op.input].shape[3], []
        extents = [self.nodes.piece(self._shape(x), axis, axis + 1, f"{op.output}/extent{axis}") for axis in (2, 3)]
        for level in levels:
            name = f"{op.output}/{level.bins}"
            rows, columns = (
                self._averaging(extent, level.bins, f"{name}/{kind}")
                for extent, kind in zip(extents, ("rows", "columns"), strict=True)
            )
            turned = self.nodes.add("Transpose", [columns], f"{name}/turned", perm=[1, 0])
            y = self.nodes.add("MatMul", [rows, x], f"{name}/by_row")
            y = self.nodes.add("MatMul", [y, turned], f"{name}/bins")
            flat = self.nodes.integers(f"{name}/flat", [0, channels, level.bins**2])
            parts.append(self.nodes.add("Reshape", [y, flat], f"{name}/list"))
        return self.nodes.add("Concat", parts, op.output, axis=2)

    def _averaging(self, extent: str, bins: int, name: str) -> str:
        """[bins, extent]: 1/length over each bin; bin i covers floor(i n / bins) up to ceil((i + 1) n / bins)."""
        add, column = self.nodes.add, np.arange(bins, dtype=np.int64)[:, None]
        constant = self.nodes.constant
        zero, one = constant("scalar/0", np.array(0, np.int64)), constant("scalar/1", np.array(1, np.int64))
        count = constant(f"bins/{bins}", np.array(bins, np.int64))
        first = add("Mul", [constant(f"bins/{bins}/first", column), extent], f"{name}/first")
        start = add("Div", [first, count], f"{name}/start")
        past = add("Mul", [constant(f"bins/{bins}/next", column + 1), extent], f"{name}/past")
        up = add("Add", [past, constant(f"bins/{bins}/up", np.array(bins - 1, np.int64))], f"{name}/up")
        end = add("Div", [up, count], f"{name}/end")
        scalar = add("Squeeze", [extent], f"{name}/extent")
        position = add("Range", [zero, scalar, one], f"{name}/position")
        outside = [add("Less", [position, start], f"{name}/below"), add("Less", [position, end], f"{name}/within")]
        inside = add("And", [add("Not", outside[:1], f"{name}/from"), outside[1]], f"{name}/inside")
        mask = add("Cast", [inside], f"{name}/mask", to=self.nodes.onnx_type)
        length = add("Sub", [end, start], f"{name}/length")
        length = add("Cast", [length], f"{name}/divisor", to=self.nodes.onnx_type)
        return add("Div", [mask, length], name)

    def _shape(self, x: str) -> str:
        name = f"{x}/shape"
        if all(name not in node.output for node in self.nodes.nodes):
            self.nodes.add("Shape", [x], name)
        return name
