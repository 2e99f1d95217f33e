"""Single operations written as files: the interpreter's reference kernels against the arithmetic, bit for bit.

Only what a whole int8 network does not use; that one is compared in test_tflite.py.
"""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from hypothesis import given, settings
from hypothesis import strategies as st

from fastscnn_edge.export.to_tflite.writer import write_tflite
from fastscnn_edge.quantization.graph.evaluator import constants, run_op
from fastscnn_edge.quantization.graph.graph import Conv, Convert, Graph, Op, Quantization, Tensor

FLOAT, INT8, INT16, INT64 = (np.dtype(t) for t in (np.float32, np.int8, np.int16, np.int64))
EVERY_INT8 = np.arange(-128, 128).astype(np.int8).reshape(1, 1, 256, 1)
EVERY_INT16 = np.arange(-32768, 32768).astype(np.int16).reshape(1, 1, -1, 1)

scales = st.floats(1e-4, 1.0)
zero_points = st.integers(-128, 127)


def parameters(scale: float, zero_point: int = 0) -> Quantization:
    return Quantization(np.array([scale], np.float32), zero_point)


def alone(op: Op, *tensors: Tensor) -> Graph:
    """A graph of one operation, whose first input is the graph's."""
    return Graph((op,), {t.name: t for t in tensors}, op.inputs[0], op.output)


def assert_kernel_equals_evaluator(graph: Graph, x: np.ndarray) -> None:
    interpreter = Interpreter(
        model_content=write_tflite(graph, "test"),
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    actual = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    op = graph.ops[0]
    expected = run_op(graph, op, {op.inputs[0]: x, **constants(graph, op)})
    assert actual.dtype == expected.dtype
    np.testing.assert_array_equal(actual, expected)


def conversion(
    source: np.dtype, q_in: Quantization | None, target: np.dtype, q_out: Quantization | None, shape: tuple[int, ...]
) -> Graph:
    return alone(Convert("x", "y"), Tensor("x", shape, source, None, q_in), Tensor("y", shape, target, None, q_out))


@given(scales, zero_points)
def test_int8_to_float(scale: float, zero_point: int) -> None:
    graph = conversion(INT8, parameters(scale, zero_point), FLOAT, None, EVERY_INT8.shape)
    assert_kernel_equals_evaluator(graph, EVERY_INT8)


@given(scales, zero_points, st.integers(0, 2**32 - 1))
def test_float_to_int8(scale: float, zero_point: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    x = np.concatenate([random.normal(0, 200, 500), np.arange(-300, 300) / 2]) * scale  # half steps among them
    x = x.astype(np.float32).reshape(1, 1, -1, 1)
    graph = conversion(FLOAT, None, INT8, parameters(scale, zero_point), x.shape)
    assert_kernel_equals_evaluator(graph, x)


@given(scales, zero_points, st.floats(0.5, 300))
def test_int8_to_int16(scale: float, zero_point: int, ratio: float) -> None:
    graph = conversion(INT8, parameters(scale, zero_point), INT16, parameters(scale / ratio), EVERY_INT8.shape)
    assert_kernel_equals_evaluator(graph, EVERY_INT8)


@settings(max_examples=30)
@given(scales, zero_points, st.floats(0.5, 300))
def test_int16_to_int8(scale: float, zero_point: int, ratio: float) -> None:
    graph = conversion(INT16, parameters(scale / ratio), INT8, parameters(scale, zero_point), EVERY_INT16.shape)
    assert_kernel_equals_evaluator(graph, EVERY_INT16)


@pytest.mark.parametrize("depthwise", [False, True])
@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.01, 0.3, 2.0, 40.0]), st.booleans(), st.sampled_from([1, 2]))
def test_convolution_with_int16_activations(depthwise: bool, seed: int, reach: float, relu: bool, stride: int) -> None:
    """Full-range inputs and weights; ``reach``: output values, as a multiple of what int16 holds."""
    random = np.random.default_rng(seed)
    channels, outputs = 5, 5 if depthwise else 7
    weight = random.integers(-127, 128, (1, 3, 3, channels) if depthwise else (outputs, 3, 3, channels)).astype(np.int8)
    weight_scale = random.uniform(0.5, 1, outputs).astype(np.float32)
    bias = random.integers(-(2**32), 2**32, outputs)  # sums beyond 32 bits, whose scaled value still fits them
    x = random.integers(-32768, 32768, (1, 8, 6, channels)).astype(np.int16)
    spread = 32768 * 127 * (9 * (1 if depthwise else channels)) ** 0.5 / 3
    q_in, q_out = parameters(1.0), parameters(spread / reach / 32768)
    graph = alone(
        Conv("x", "w", "b", "y", stride, (1, 1, 1, 1), relu, depthwise),
        Tensor("x", x.shape, INT16, None, q_in),
        Tensor("w", weight.shape, INT8, weight, Quantization(weight_scale, 0, 3 if depthwise else 0)),
        Tensor("b", bias.shape, INT64, bias, Quantization(weight_scale, 0, 0)),
        Tensor("y", (1, 8 // stride, 6 // stride, outputs), INT16, None, q_out),
    )
    assert_kernel_equals_evaluator(graph, x)
