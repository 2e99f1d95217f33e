"""Rounding with error compensation against rounding to nearest and against exhaustive search."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from fastscnn_edge.quantization.calibration.ranges import choose_ranges
from fastscnn_edge.quantization.calibration.scheme import SCHEMES
from fastscnn_edge.quantization.calibration.statistics import collect
from fastscnn_edge.quantization.graph.graph import Conv
from fastscnn_edge.quantization.graph.lower import lower
from fastscnn_edge.quantization.ptq.gptq import round_weights
from fastscnn_edge.quantization.ptq.layer_statistics import LayerStatistics, as_matrix
from fastscnn_edge.quantization.ptq.ptq import quantize_graph
from fastscnn_edge.quantization.ptq.sequential import refine_layers
from fastscnn_edge.spec import INT8_NATIVE
from tests.helpers import random_image, random_model

SIZE = (96, 128)


@pytest.fixture(scope="module")
def graph():
    return lower(random_model("paper", 6), INT8_NATIVE, *SIZE)


@pytest.fixture(scope="module")
def images():
    return [random_image(*SIZE, seed) for seed in range(3)]


@pytest.fixture(scope="module")
def layers(graph, images) -> dict[str, LayerStatistics]:
    """What every convolution sees when none is changed."""
    seen = {}

    def keep(layer: LayerStatistics) -> LayerStatistics:
        seen[layer.op.output] = layer
        return layer

    scheme = SCHEMES["affine"]
    quantized = quantize_graph(graph, choose_ranges(graph, collect(graph, images), "mse", scheme), scheme)
    unchanged = refine_layers(graph, quantized, images, [keep])
    assert all(unchanged.tensors[name] is tensor for name, tensor in quantized.tensors.items() if tensor.data is None)
    return seen


def error(r: LayerStatistics) -> float:
    """Mean squared error of the output around its mean, in accumulator units, all channels together."""
    weight = as_matrix(r.weight.data, r.op.depthwise).astype(np.float64)
    if r.op.depthwise:
        quadratic = np.einsum("ok,okl,ol->o", weight, r.gram, weight)
        return float((r.unit**2 * quadratic - 2 * r.unit * (weight * r.cross[:, :, 0]).sum(1)).sum())
    quadratic = ((weight @ r.gram) * weight).sum(1)
    return float((r.unit**2 * quadratic - 2 * r.unit * (weight * r.cross.T).sum(1)).sum())


@pytest.mark.slow
def test_rounding_lowers_the_error_of_every_convolution_and_weights_stay_int8_and_near(layers) -> None:
    for name, layer in layers.items():
        rounded = round_weights(layer)
        assert error(rounded) <= error(layer) + 1e-9 * abs(error(layer)), name
        weight = rounded.weight.data
        assert weight.dtype == np.int8 and weight.shape == layer.weight.data.shape
        assert weight.min() >= -127
        assert np.abs(weight.astype(int) - layer.weight.data).mean() < 8


def test_small_problems_are_solved_nearly_as_well_as_by_trying_everything() -> None:
    losses = []
    for seed in range(10):
        random = np.random.default_rng(seed)
        inputs = (random.normal(0, 10, (500, 1)) + random.normal(0, 10, (500, 5))).round()
        real = random.uniform(-20, 20, (1, 5))
        rounded = as_matrix(round_weights(_layer(inputs, real)).weight.data, False)
        covariance = np.cov(inputs.T)
        tried = [np.floor(real) + np.array(up) for up in product((-1, 0, 1, 2), repeat=5)]
        losses.append(
            [
                float(((w - real) @ covariance @ (w - real).T)[0, 0])
                for w in (
                    rounded,
                    np.round(real),
                    min(tried, key=lambda w: float(((w - real) @ covariance @ (w - real).T)[0, 0])),
                )
            ]
        )
    compensated, nearest, best = np.mean(losses, 0)
    assert compensated < 0.8 * nearest
    assert compensated - best < nearest - compensated, (compensated, nearest, best)


def _layer(inputs: np.ndarray, real: np.ndarray) -> LayerStatistics:
    """Of a 1x1 convolution with exact inputs and scales of 1."""
    from fastscnn_edge.quantization.graph.graph import Quantization, Tensor

    shape = (len(real), 1, 1, real.shape[1])
    one = Quantization(np.ones(len(real), np.float32), 0, 0)
    weight = Tensor("w", shape, np.dtype(np.int8), np.round(real).astype(np.int8).reshape(shape), one)
    bias = Tensor("b", (len(real),), np.dtype(np.int32), np.zeros(len(real), np.int32), one)
    op = Conv("x", "w", "b", "y", 1, (0, 0, 0, 0), False)
    centered = inputs - inputs.mean(0)
    target = inputs @ real.T
    return LayerStatistics(
        op,
        weight,
        bias,
        Tensor("w", shape, data=real.astype(np.float32).reshape(shape)),
        np.ones(len(real)),
        len(inputs),
        inputs.mean(0),
        centered.T @ centered / len(inputs),
        target.mean(0),
        centered.T @ target / len(inputs),
    )


def test_dead_inputs_do_no_harm(layers) -> None:
    layer = layers["bottleneck1.1/project"]
    gram, cross = layer.gram.copy(), layer.cross.copy()
    gram[7], gram[:, 7], cross[7] = 0, 0, 0
    rounded = round_weights(replace(layer, gram=gram, cross=cross))
    before = as_matrix(layer.weight.data, False)[:, 7].astype(int)
    assert np.abs(as_matrix(rounded.weight.data, False)[:, 7] - before).max() <= 1
    silent = replace(layer, gram=np.zeros_like(gram), cross=np.zeros_like(cross))
    np.testing.assert_array_equal(round_weights(silent).weight.data, layer.weight.data)
