"""Writes a graph as an .onnx: float, fp16, or int8 with QuantizeLinear / DequantizeLinear (QDQ).

The graph is NHWC, ONNX is NCHW: weights are transposed, activations are made in that order.

In an int8 file every activation passes a Quantize/Dequantize pair with the graph's own scale and zero point, and
every weight is an int8 constant before a Dequantize, so the learned scales are in the file to the bit. What differs
by target:

* ``ort-x86``: activations are uint8, which is the graph's int8 plus 128. ONNX Runtime's fast kernels on x86 take
  unsigned activations; the integers mean the same.
* ``ort-arm64``: activations are the graph's int8.
* ``tensorrt``: int8 as well, and biases in float, since its parser refuses int32 constants.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper

from ..._version import __version__
from ...quantization.graph.arithmetic import INT8_MIN
from ...quantization.graph.evaluator import real_values
from ...quantization.graph.graph import Add, Concat, Conv, Graph, Level, Op, Pool, Resize, Tensor, quantization_of
from ...spec import Normalization
from .nodes import Nodes
from .options import ARGMAX, FIXED, LOGITS, NORMALIZED, ORT_X86, TENSORRT, UINT8, UPSAMPLED, OnnxOptions
from .shapes import Extent, Shapes

OPSET = 17
"""Opset: read by ONNX Runtime since 1.12 and TensorRT since 8.6; nothing newer is needed."""

IR_VERSION = 8

INPUT = "image"

_ZERO_SHIFT = 128


def write_onnx(
    graph: Graph, options: OnnxOptions, normalization: Normalization, align_corners: bool, metadata: dict[str, str]
) -> onnx.ModelProto:
    """Write the model of ``graph``, checked and with inferred shapes.

    Args:
        graph: float32, int8, or float32 with convolution constants in fp16 (:func:`.precision.halve`): then the whole
            file computes in fp16.
        normalization: that of a ``normalized`` input.
        align_corners: how heads beyond ``logits`` interpolate.
        metadata: key -> text, stored in the file.
    """
    writer = _Writer(graph, options)
    writer.input(normalization)
    for op in graph.ops:
        writer.op(op)
    writer.head(align_corners)
    return _finish(writer, metadata)


class _Writer:
    """Conversion of operations to nodes; ``values`` maps the graph's tensors to float values in the file."""

    def __init__(self, graph: Graph, options: OnnxOptions) -> None:
        self.graph, self.options = graph, options
        self.int8 = graph.is_quantized
        half = any(t.dtype == np.float16 for t in graph.constants())
        self.nodes = Nodes(np.dtype(np.float16 if half else np.float32))
        self.values: dict[str, str] = {}
        self.classes = graph.tensors[graph.output].shape[3]
        self.shapes = Shapes(graph, self.nodes, options)

    # --- ends ----------------------------------------------------------------------------------

    def input(self, normalization: Normalization) -> None:
        """Convert the file's input to ``pixel - 128``, NCHW."""
        nodes, name = self.nodes, self.graph.input
        x = INPUT
        if self.options.input == UINT8:
            x = self._frames(x)
            if self.int8 and self.options.target == ORT_X86:
                # The frame is the quantized input already: scale 1, zero point 128.
                self.values[name] = self._dequantize(x, name)
                return
        if self.options.input == NORMALIZED:
            std, shift = (
                np.array(v, np.float32).reshape(1, 3, 1, 1)
                for v in (normalization.std, np.array(normalization.mean) - _ZERO_SHIFT)
            )
            x = nodes.add("Mul", [self._cast(x), nodes.real("image/std", std)], "input/scaled")
            x = nodes.add("Add", [x, nodes.real("image/mean", shift)], "input/pixels")
        else:
            x = nodes.add("Sub", [self._cast(x), nodes.real("image/zero", _ZERO_SHIFT)], "input/pixels")
        self.values[name] = self.rounded(x, name)

    def _frames(self, x: str) -> str:
        """Transpose uint8 NHWC to NCHW; TensorRT reads uint8 only if a Cast comes first."""
        if self.options.target == TENSORRT:
            x = self.nodes.add("Cast", [x], "image/cast", to=self.nodes.onnx_type)
        return self.nodes.add("Transpose", [x], "image/nchw", perm=[0, 3, 1, 2])

    def _cast(self, x: str) -> str:
        """Cast a value to the type the file computes in."""
        if self.options.input == UINT8 and self.options.target == TENSORRT:
            return x  # already is
        if self.options.input != UINT8 and self.nodes.dtype == np.float32:
            return x
        return self.nodes.add("Cast", [x], "image/cast", to=self.nodes.onnx_type)

    def head(self, align_corners: bool) -> None:
        """Convert the logits on the 1/8 grid to the file's output."""
        nodes, x, head = self.nodes, self.values[self.graph.output], self.options.head
        if self.nodes.dtype != np.float32:
            x = nodes.add("Cast", [x], "logits/float", to=TensorProto.FLOAT)
        if head != LOGITS:
            x = self._resize("logits/upsampled", x, self.classes, self.shapes.image(INPUT), align_corners)
        if head == ARGMAX:
            x = nodes.add("ArgMax", [x], "classes/index", axis=1, keepdims=0)
            x = nodes.add("Cast", [x], "classes/cast", to=TensorProto.UINT8)
        nodes.name_last("classes" if head == ARGMAX else "logits")

    # --- quantization --------------------------------------------------------------------------

    def rounded(self, x: str, like: str, name: str | None = None) -> str:
        """Pass ``x`` through a Quantize/Dequantize pair of the activation ``like``; in a float file, return it."""
        if not self.int8:
            return x
        q = self.nodes.add("QuantizeLinear", [x, *self._parameters(like)], f"{name or like}/q")
        return self._dequantize(q, like, name)

    def _dequantize(self, integers: str, like: str, name: str | None = None) -> str:
        return self.nodes.add("DequantizeLinear", [integers, *self._parameters(like)], f"{name or like}/dq")

    def _parameters(self, name: str) -> tuple[str, str]:
        """Names of scale and zero point, both scalars: engines take a per-tensor scale in no other shape."""
        quantization = quantization_of(self.graph.tensors[name])
        scale = self.nodes.constant(f"{name}/scale", quantization.scale.reshape(()))
        zero_point = np.array(quantization.zero_point, np.int8)
        if self.options.target == ORT_X86:
            zero_point = (zero_point.astype(np.int16) + _ZERO_SHIFT).astype(np.uint8)
        return scale, self.nodes.constant(f"{name}/zero_point", zero_point)

    def _weight(self, tensor: Tensor, data: np.ndarray, axis: int) -> str:
        """A weight in ONNX's layout; int8 ones with a Dequantize along ``axis``."""
        if tensor.quantization is None:
            return self.nodes.constant(tensor.name, self._float(data))
        integers = self.nodes.constant(f"{tensor.name}/int8", data)
        return self._dequantized_constant(tensor.name, integers, tensor.quantization.scale, np.dtype(np.int8), axis)

    def _bias(self, op: Conv) -> str:
        tensor = self.graph.tensors[op.bias]
        if tensor.quantization is None or self.options.target == TENSORRT:
            return self.nodes.constant(tensor.name, self._float(real_values(tensor)))
        assert tensor.data is not None
        integers = self.nodes.constant(f"{tensor.name}/int32", tensor.data)
        return self._dequantized_constant(tensor.name, integers, tensor.quantization.scale, np.dtype(np.int32), 0)

    def _dequantized_constant(self, name: str, integers: str, scale: np.ndarray, dtype: np.dtype, axis: int) -> str:
        inputs = [
            integers,
            self.nodes.constant(f"{name}/scale", scale),
            self.nodes.constant(f"{name}/zero_point", np.zeros(len(scale), dtype)),
        ]
        return self.nodes.add("DequantizeLinear", inputs, f"{name}/dq", axis=axis)

    def _float(self, data: np.ndarray) -> np.ndarray:
        return data.astype(self.nodes.dtype)

    # --- operations ----------------------------------------------------------------------------

    def op(self, op: Op) -> None:
        """Append one operation of the graph."""
        emit = {
            Conv: self._conv,
            Add: self._add,
            Pool: self._pool,
            Level: self._level,
            Resize: self._resized,
            Concat: self._concat,
        }[type(op)]
        self.values[op.output] = self.rounded(emit(op), op.output)  # type: ignore[operator]

    def _conv(self, op: Conv) -> str:
        tensor = self.graph.tensors[op.weight]
        assert tensor.data is not None
        # [O, kh, kw, I] -> [O, I, kh, kw]; depthwise [1, kh, kw, C] -> [C, 1, kh, kw]
        data = np.ascontiguousarray(tensor.data.transpose((3, 0, 1, 2) if op.depthwise else (0, 3, 1, 2)))
        top, bottom, left, right = self.shapes.padding(op)
        inputs = [self.values[op.input], self._weight(tensor, data, 0), self._bias(op)]
        name = op.output if not op.relu and op.output != self.graph.output else f"{op.output}/conv"
        y = self.nodes.add(
            "Conv",
            inputs,
            name,
            kernel_shape=list(data.shape[2:]),
            strides=[op.stride] * 2,
            pads=[top, left, bottom, right],
            group=data.shape[0] if op.depthwise else 1,
        )
        return self._relu(op.output, y) if op.relu else y

    def _relu(self, name: str, y: str) -> str:
        """ReLU after a convolution or a sum.

        ONNX Runtime keeps such a convolution in integers only if the output's zero point is the smallest integer: then
        the ReLU is the saturation itself. Where a ReLU shares its scale with values below zero, rounding comes
        first and the ReLU works on its result: the same integers, and the convolution stays one.
        """
        absorbed = not self.int8 or quantization_of(self.graph.tensors[name]).zero_point == INT8_MIN
        if not absorbed and self.options.target != TENSORRT:
            y = self.rounded(y, name, f"{name}/before_relu")
        return self.nodes.add("Relu", [y], name)

    def _add(self, op: Add) -> str:
        inputs = [self.values[name] for name in op.inputs]
        y = self.nodes.add("Add", inputs, f"{op.output}/add" if op.relu else op.output)
        return self._relu(op.output, y) if op.relu else y

    def _pool(self, op: Pool) -> str:
        """[N, C, H, W] -> [N, C, H * W] times the matrix [H * W, bins] -> [N, C, bins]."""
        tensor, source = self.graph.tensors[op.weight], self.graph.tensors[op.input]
        assert tensor.data is not None
        if self.options.dynamic_size:
            return self.shapes.pool(op, self.values[op.input])
        flat = self._reshape(f"{op.output}/flat", self.values[op.input], [0, source.shape[3], -1])
        matrix = self._weight(tensor, np.ascontiguousarray(tensor.data.T), 1)
        return self.nodes.add("MatMul", [flat, matrix], op.output)

    def _level(self, op: Level) -> str:
        count, channels = op.bins * op.bins, self.graph.tensors[op.input].shape[3]
        ends = [
            self.nodes.constant(f"{op.output}/{key}", np.array([value], np.int64))
            for key, value in (("start", op.start), ("end", op.start + count), ("axis", 2))
        ]
        rows = self.nodes.add("Slice", [self.values[op.input], *ends], f"{op.output}/rows")
        return self._reshape(op.output, rows, [0, channels, op.bins, op.bins])

    def _resized(self, op: Resize) -> str:
        channels = self.graph.tensors[op.output].shape[3]
        extent = self.shapes.resized(op, self.values)
        return self._resize(op.output, self.values[op.input], channels, extent, op.align_corners)

    def _resize(self, name: str, x: str, channels: int, extent: Extent, align_corners: bool) -> str:
        mode = "align_corners" if align_corners else "half_pixel"
        sizes = self.shapes.sizes(x, channels, extent, f"{name}/sizes")
        return self.nodes.add("Resize", [x, "", "", sizes], name, mode="linear", coordinate_transformation_mode=mode)

    def _concat(self, op: Concat) -> str:
        if op.axis == 3:
            return self.nodes.add("Concat", [self.values[name] for name in op.inputs], op.output, axis=1)
        return self._border(op)

    def _border(self, op: Concat) -> str:
        """A constant row or column on either side of the image."""
        axis, tensors = op.axis + 1, [self.graph.tensors[name] for name in op.inputs]
        if self.options.dynamic == FIXED:
            parts = [self.values[t.name] if t.data is None else self._strip(t, t.data) for t in tensors]
        else:
            # On both sides, used or not: the convolution reads only what it reaches.
            constant = next(t for t in tensors if t.data is not None)
            x = next(self.values[t.name] for t in tensors if t.data is None)
            assert constant.data is not None
            strip = self.shapes.strip(x, self._strip(constant, constant.data[:, :1, :1]), axis, f"{op.output}/strip")
            parts = [strip, x, strip]
        return self.nodes.add("Concat", parts, op.output, axis=axis)

    def _strip(self, tensor: Tensor, data: np.ndarray) -> str:
        """A constant piece of the image, NHWC -> NCHW, as the float value it stands for."""
        data = np.ascontiguousarray(data.transpose(0, 3, 1, 2))
        if tensor.quantization is None:
            return self.nodes.constant(tensor.name, self._float(data))
        if self.options.target == ORT_X86:
            data = (data.astype(np.int16) + _ZERO_SHIFT).astype(np.uint8)
        return self._dequantize(self.nodes.constant(f"{tensor.name}/integers", data), tensor.name)

    def _reshape(self, name: str, x: str, shape: Sequence[int]) -> str:
        return self.nodes.add("Reshape", [x, self.nodes.constant(f"{name}/shape", np.array(shape, np.int64))], name)


def _finish(writer: _Writer, metadata: dict[str, str]) -> onnx.ModelProto:
    options, graph = writer.options, writer.graph
    _, height, width, _ = graph.tensors[graph.input].shape
    batch: str | int = "batch" if options.dynamic_batch else 1
    extent: list[str | int] = ["height", "width"] if options.dynamic_size else [height, width]
    frames = options.input == UINT8
    image = helper.make_tensor_value_info(
        INPUT,
        TensorProto.UINT8 if frames else TensorProto.FLOAT,
        [batch, *extent, 3] if frames else [batch, 3, *extent],
    )
    if options.head == ARGMAX:
        output = helper.make_tensor_value_info("classes", TensorProto.UINT8, [batch, *extent])
    else:
        grid: list[str | int] = list(graph.tensors[graph.output].shape[1:3])
        if options.dynamic_size:
            grid = ["grid_height", "grid_width"]
        grid = extent if options.head == UPSAMPLED else grid
        output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, writer.classes, *grid])
    body = helper.make_graph(writer.nodes.nodes, "fast_scnn", [image], [output], list(writer.nodes.constants.values()))
    model = helper.make_model(
        body,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="fastscnn_edge",
        producer_version=__version__,
    )
    helper.set_model_props(model, metadata)
    model = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    onnx.checker.check_model(model, full_check=True)
    return model
