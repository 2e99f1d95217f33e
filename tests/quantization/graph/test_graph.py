"""Graph helpers, lowering and the float evaluator against PyTorch itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from fastscnn_edge.quantization.graph.evaluator import run
from fastscnn_edge.quantization.graph.graph import Conv, Graph, Quantization, output_extent, scale_groups, used_padding
from fastscnn_edge.quantization.graph.lower import lower
from fastscnn_edge.quantization.graph.network import pooling_matrix
from fastscnn_edge.reference.model import FastSCNN
from fastscnn_edge.spec import IMAGENET, INT8_NATIVE, Normalization
from tests.helpers import random_image, random_model


def torch_logits(model: FastSCNN, normalization: Normalization, image: np.ndarray) -> np.ndarray:
    mean, std = torch.tensor(normalization.mean), torch.tensor(normalization.std)
    with torch.inference_mode():
        x = ((torch.tensor(image).float() - mean) / std).permute(2, 0, 1)[None]
        return model(x).permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize("dialect", ["mmseg", "paper"])
@pytest.mark.parametrize("normalization", [INT8_NATIVE, IMAGENET], ids=["native", "imagenet"])
@pytest.mark.parametrize("size", [(64, 96), (90, 75), (33, 128), (97, 61)])
def test_float_graph_equals_pytorch(dialect: str, normalization: Normalization, size: tuple[int, int]) -> None:
    model, image = random_model(dialect, classes=7), random_image(*size)
    expected = torch_logits(model, normalization, image)
    actual = run(lower(model, normalization, *size), image)
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).max() <= 2e-5 * np.abs(expected).max()


@pytest.mark.parametrize("size", [(12, 15), (16, 32), (7, 5), (1, 1)])
def test_pooling_matrix_is_adaptive_pooling(size: tuple[int, int]) -> None:
    x = torch.randn(1, 3, *size, dtype=torch.float64)
    expected = torch.cat([F.adaptive_avg_pool2d(x, n).flatten(2) for n in (1, 2, 3, 6)], 2)[0].numpy()
    actual = x[0].flatten(1).numpy() @ pooling_matrix(*size, (1, 2, 3, 6)).T.astype(np.float64)
    np.testing.assert_allclose(actual, expected, atol=1e-6)


@settings(max_examples=30)
@given(st.integers(3, 60), st.integers(1, 3), st.integers(0, 1))
def test_used_padding_leaves_the_output_extent_alone(size: int, stride: int, pad: int) -> None:
    before, after = used_padding(size, 3, stride, pad)
    assert output_extent(size, 3, stride, before, after) == output_extent(size, 3, stride, pad, pad)
    assert 0 <= after <= pad


def test_every_activation_is_in_one_scale_group_and_concat_joins() -> None:
    graph = lower(random_model("mmseg", 4), IMAGENET, 96, 96)
    groups = scale_groups(graph)
    names = [name for group in groups for name in group]
    assert sorted(names) == sorted(name for name, t in graph.tensors.items() if t.data is None)
    pyramid = next(group for group in groups if "pyramid/concat" in group)
    assert {"bottleneck3.3/add", "pyramid/branch1", "pyramid/branch6", "pyramid/resize2"} <= pyramid
    assert "pyramid/pool" not in pyramid
    assert next(group for group in groups if "input" in group) == {"input", "border/rows", "border/columns"}


def test_native_normalization_needs_no_border() -> None:
    graph = lower(random_model("mmseg", 4), INT8_NATIVE, 64, 64)
    stem = next(op for op in graph.ops if isinstance(op, Conv))
    assert stem.input == "input" and stem.padding == (1, 0, 1, 0)


def test_quantization_refuses_nonsense() -> None:
    with pytest.raises(ValueError, match="above 0"):
        Quantization(np.array([0.0], np.float32))
    with pytest.raises(ValueError, match="axis"):
        Quantization(np.array([1.0, 2.0], np.float32))


def test_run_refuses_a_picture_of_another_size() -> None:
    graph: Graph = lower(random_model("mmseg", 4), INT8_NATIVE, 64, 64)
    with pytest.raises(ValueError, match="expected a uint8 picture"):
        run(graph, random_image(64, 96))


def test_last_uses_name_every_activation_once_but_the_output() -> None:
    graph = lower(random_model("mmseg", 3), INT8_NATIVE, 64, 96)
    uses = graph.last_uses()
    named = [name for finished in uses for name in finished]
    activations = {name for name, tensor in graph.tensors.items() if tensor.data is None}
    assert sorted(named) == sorted(activations - {graph.output})
    for index, finished in enumerate(uses):
        assert set(finished) <= set(graph.ops[index].inputs)
        assert not any(set(finished) & set(later.inputs) for later in graph.ops[index + 1 :])
