"""What a convolution multiplies, as positions are sampled from it."""

from __future__ import annotations

import numpy as np

from fastscnn_edge.quantization.graph.evaluator import input_values, run_all
from fastscnn_edge.quantization.graph.graph import Conv
from fastscnn_edge.quantization.graph.lower import lower
from fastscnn_edge.quantization.ptq.layer_statistics import as_matrix, from_matrix, patches
from fastscnn_edge.spec import INT8_NATIVE
from tests.helpers import random_image, random_model


def test_patches_are_what_the_convolution_multiplies() -> None:
    graph, image = lower(random_model("paper", 6), INT8_NATIVE, 96, 128), random_image(96, 128)
    values = dict(run_all(graph, image)) | {graph.input: input_values(graph, image)}
    for op in graph.ops:
        if not isinstance(op, Conv):
            continue
        weight, bias = graph.tensors[op.weight].data, graph.tensors[op.bias].data
        _, height, width, channels = graph.tensors[op.output].shape
        seen = patches(values[op.input], op, weight.shape[1:3], np.arange(height * width), width, 0)
        matrix = as_matrix(weight, op.depthwise)
        y = np.einsum("pkc,ck->pc", seen, matrix) if op.depthwise else seen.reshape(len(seen), -1) @ matrix.T
        y = (y + bias).reshape(1, height, width, channels)
        expected = values[op.output]
        np.testing.assert_allclose(np.maximum(y, 0) if op.relu else y, expected, atol=1e-4 * np.abs(expected).max())
        np.testing.assert_array_equal(from_matrix(matrix, weight.shape, op.depthwise), weight)
