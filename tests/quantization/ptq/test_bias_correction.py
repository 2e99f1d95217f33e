"""Bias correction: the mean of every convolution's output goes back to the float graph's."""

from __future__ import annotations

import numpy as np
import pytest

from fastscnn_edge.quantization.calibration.ranges import observe_ranges
from fastscnn_edge.quantization.calibration.scheme import SCHEMES
from fastscnn_edge.quantization.graph.arithmetic import dequantize
from fastscnn_edge.quantization.graph.evaluator import run_all
from fastscnn_edge.quantization.graph.graph import Conv, Graph
from fastscnn_edge.quantization.graph.lower import lower
from fastscnn_edge.quantization.ptq.bias_correction import correct_bias
from fastscnn_edge.quantization.ptq.ptq import quantize_graph
from fastscnn_edge.quantization.ptq.sequential import refine_layers
from fastscnn_edge.spec import INT8_NATIVE
from tests.helpers import random_image, random_model

SIZE = (96, 128)


def mean_errors(graph: Graph, quantized: Graph, images, name: str) -> np.ndarray:
    """float64 [C], in integer steps of the output."""
    total = 0
    for image in images:
        values, integers = dict(run_all(graph, image)), dict(run_all(quantized, image))
        q = quantized.tensors[name].quantization
        total = total + (dequantize(integers[name], q.scale[0], q.zero_point) - values[name]).mean((0, 1, 2))
    return total / len(images) / q.scale[0]


@pytest.fixture(scope="module", params=["mmseg", "paper"])
def graph(request):
    return lower(random_model(request.param, 6), INT8_NATIVE, *SIZE)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=list(SCHEMES))
def test_mean_errors_shrink(graph, scheme) -> None:
    images = [random_image(*SIZE, seed) for seed in range(3)]
    quantized = quantize_graph(graph, observe_ranges(graph, images), scheme)
    # Weights truncated instead of rounded: a shift in one direction, as large as it gets.
    damaged = {}
    for op in quantized.ops:
        if isinstance(op, Conv):
            tensor = quantized.tensors[op.weight]
            damaged[op.weight] = type(tensor)(
                tensor.name, tensor.shape, tensor.dtype, np.maximum(tensor.data, -126) - np.int8(1), tensor.quantization
            )
    quantized = quantized.replace_tensors(damaged)
    corrected = refine_layers(graph, quantized, images, [correct_bias])
    # Those without a ReLU, which would hide part of the shift and so part of its correction.
    for name in ("bottleneck1.1/project", "bottleneck3.2/project", "fusion/lower", "logits"):
        before, after = (np.abs(mean_errors(graph, q, images, name)) for q in (quantized, corrected))
        assert after.mean() < 0.25 * before.mean(), name
        assert after.mean() < 0.1, name


def test_only_biases_change_and_they_are_int32(graph) -> None:
    images = [random_image(*SIZE)]
    quantized = quantize_graph(graph, observe_ranges(graph, images))
    corrected = refine_layers(graph, quantized, images, [correct_bias])
    biases = {op.bias for op in graph.ops if isinstance(op, Conv)}
    for name, tensor in corrected.tensors.items():
        before = quantized.tensors[name]
        if name in biases:
            assert tensor.data.dtype == np.int32
            np.testing.assert_array_equal(tensor.quantization.scale, before.quantization.scale)
        else:
            assert tensor is before
    assert any((corrected.tensors[n].data != quantized.tensors[n].data).any() for n in biases)
