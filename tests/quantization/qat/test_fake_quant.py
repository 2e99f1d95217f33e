"""The fake-quantized module rounds where and how the integer graph does."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fastscnn_edge.quantization.graph.arithmetic import dequantize
from fastscnn_edge.quantization.graph.evaluator import run_all
from fastscnn_edge.quantization.graph.graph import Resize
from fastscnn_edge.quantization.ptq.ptq import with_parameters
from fastscnn_edge.quantization.qat.fake_quant import FakeQuantGraph, round_weight
from fastscnn_edge.spec import IMAGENET, INT8_NATIVE
from tests.helpers import random_image
from tests.quantization.networks import SIZE, quantized


@pytest.mark.parametrize("dialect", ["mmseg", "paper"])
@pytest.mark.parametrize("scheme_name", ["affine", "symmetric"])
def test_every_operation_rounds_as_the_integers_do(dialect: str, scheme_name: str) -> None:
    """Each is given the integer graph's own inputs: a whole random network would amplify one early tie."""
    graph, parameters, scheme = quantized(dialect, scheme_name, IMAGENET if dialect == "mmseg" else INT8_NATIVE)
    integers = dict(run_all(with_parameters(graph, parameters), random_image(*SIZE, 1)))
    real = {
        name: torch.tensor(dequantize(value, parameters[name].scale[0], parameters[name].zero_point))
        for name, value in integers.items()
    }
    model = FakeQuantGraph(graph, parameters, scheme)
    for op in graph.ops:
        with torch.no_grad():
            inputs = {name: real[name].permute(0, 3, 1, 2) for name in op.inputs if name in real}
            result = model._run(op, inputs).permute(0, 2, 3, 1).numpy()
        q = parameters[op.output]
        steps = np.abs(np.round(result / q.scale[0]) + q.zero_point - integers[op.output])
        assert steps.max() <= 1, op.output
        # Between few pixels a resize has weights like 1/2 and many ties, which torch rounds to even.
        assert (steps > 0).mean() < (0.15 if isinstance(op, Resize) else 0.03), op.output


@pytest.mark.parametrize("scheme_name", ["affine", "symmetric"])
def test_untrained_the_graph_comes_back(scheme_name: str) -> None:
    graph, parameters, scheme = quantized("mmseg", scheme_name)
    back, scales = FakeQuantGraph(graph, parameters, scheme).trained()
    for name, tensor in graph.tensors.items():
        if tensor.data is not None:
            np.testing.assert_array_equal(back.tensors[name].data, tensor.data)
    for name, q in parameters.items():
        assert scales[name].zero_point == q.zero_point
        np.testing.assert_allclose(scales[name].scale, q.scale, rtol=1e-6)


def test_weights_are_rounded_as_the_scheme_rounds_them() -> None:
    graph, parameters, _ = quantized("mmseg", "affine")
    integer = with_parameters(graph, parameters)
    weight = graph.tensors["pyramid/out/weight"]
    rounded = round_weight(torch.tensor(weight.data.transpose(0, 3, 1, 2))).permute(0, 2, 3, 1).numpy()
    q = integer.tensors["pyramid/out/weight"]
    expected = dequantize(q.data, q.quantization.scale[:, None, None, None])
    assert (np.abs(rounded - expected) > 1e-6).mean() < 1e-3  # ties alone may go the other way


def test_gradients_reach_every_weight_and_scale() -> None:
    graph, parameters, scheme = quantized("mmseg", "affine")
    model = FakeQuantGraph(graph, parameters, scheme)
    model(torch.randn(2, 3, *SIZE) * 60).square().mean().backward()
    missing = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert missing == []


def test_symmetric_has_no_zero_points_to_learn() -> None:
    graph, parameters, scheme = quantized("mmseg", "symmetric")
    model = FakeQuantGraph(graph, parameters, scheme)
    assert not any(p.requires_grad for name, p in model.named_parameters() if name.endswith("zero_point"))
