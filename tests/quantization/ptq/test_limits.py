"""Dead channels and constant pictures: int8 files that engines accept and that compute the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fastscnn_edge.errors import UsageError
from fastscnn_edge.export.to_tflite.verify import verify
from fastscnn_edge.export.to_tflite.writer import write_tflite
from fastscnn_edge.quantization.calibration.scheme import SCHEMES
from fastscnn_edge.quantization.graph.graph import scale_groups
from fastscnn_edge.quantization.graph.lower import lower
from fastscnn_edge.quantization.ptq.limits import BIAS, weight_scale, within_limits
from fastscnn_edge.quantization.ptq.recipes import quantize_both
from fastscnn_edge.reference.model import FastSCNN
from fastscnn_edge.spec import INT8_NATIVE
from tests.helpers import random_image, random_model

from ..networks import quantized

SIZE = (64, 96)
WHITE = np.full((*SIZE, 3), 255, np.uint8)

Change = Callable[[str, torch.Tensor, torch.Tensor, torch.Generator], None]


def _half_dead(_name: str, gamma: torch.Tensor, _beta: torch.Tensor, random: torch.Generator) -> None:
    gamma[torch.rand(gamma.shape, generator=random) < 0.5] = 0


def _half_faint(_name: str, gamma: torch.Tensor, _beta: torch.Tensor, random: torch.Generator) -> None:
    gamma[torch.rand(gamma.shape, generator=random) < 0.5] = 1e-12


def _layer_off(name: str, gamma: torch.Tensor, beta: torch.Tensor, _random: torch.Generator) -> None:
    if "bottleneck2.1.expand" in name:
        gamma.zero_()
        beta.zero_()


def _layer_below_zero(name: str, _gamma: torch.Tensor, beta: torch.Tensor, _random: torch.Generator) -> None:
    if "bottleneck2.1.expand" in name:
        beta.fill_(-1e3)


def _all_off(_name: str, gamma: torch.Tensor, beta: torch.Tensor, _random: torch.Generator) -> None:
    gamma.zero_()
    beta.fill_(-1)


def _model(change: Change) -> FastSCNN:
    model: FastSCNN = random_model("mmseg", 5)
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, module in model.named_modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                change(name, module.weight, module.bias, random)
    return model


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("recipe", ["fast", "accurate"])
@pytest.mark.parametrize("change", [_half_dead, _half_faint, _layer_off, _layer_below_zero, _all_off])
def test_dead_channels_make_files_that_the_engine_takes(
    tmp_path: Path, change: Change, recipe: str, scheme: str
) -> None:
    graph = lower(_model(change), INT8_NATIVE, *SIZE)
    pictures = [random_image(*SIZE, seed) for seed in range(4)]
    both = quantize_both(graph, pictures, SCHEMES[scheme], recipe)
    path = tmp_path / "model.tflite"
    path.write_bytes(write_tflite(both.integer, "test"))
    # A bias that does not fit int32 shows here: such a file reached 3 dB.
    assert verify(path, both.integer, both.real, pictures[:1]).sqnr > 15


@pytest.mark.parametrize("scheme", SCHEMES)
def test_white_pictures_can_be_quantized_on(tmp_path: Path, scheme: str) -> None:
    graph = lower(_model(_half_dead), INT8_NATIVE, *SIZE)
    both = quantize_both(graph, [WHITE] * 3, SCHEMES[scheme], "accurate")
    path = tmp_path / "model.tflite"
    path.write_bytes(write_tflite(both.integer, "test"))
    assert verify(path, both.integer, both.real, [WHITE]).sqnr > 15


@pytest.mark.parametrize("scheme", SCHEMES)
def test_ordinary_scales_stay_as_they_are(scheme: str) -> None:
    graph, parameters, _ = quantized("mmseg", scheme)
    limited = within_limits(graph, parameters)
    assert all(limited[name].scale == parameters[name].scale for name in parameters)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 12))
def test_any_scales_end_within_the_limits_and_then_stay(seed: int, decades: float) -> None:
    graph, parameters, _ = quantized("paper", "affine")
    random = np.random.default_rng(seed)
    wild = dict(parameters)
    for group in scale_groups(graph):
        if graph.input not in group:
            factor = np.float32(10.0 ** random.uniform(-decades, decades))
            wild.update({name: replace(wild[name], scale=wild[name].scale * factor) for name in group})
    once = within_limits(graph, wild)
    assert all(once[name].scale[0] >= wild[name].scale[0] for name in wild)
    assert all(len({float(once[name].scale[0]) for name in group}) == 1 for group in scale_groups(graph))
    twice = within_limits(graph, once)
    assert all(twice[name].scale == once[name].scale for name in wild)


def test_a_faint_channel_keeps_its_bias() -> None:
    weight = np.full((2, 1, 1, 3), 1.0, np.float32)
    weight[1] = 1e-20
    bias = np.array([0.5, 0.5], np.float32)
    scale = weight_scale(weight, bias, 0.01, axis=0)
    assert scale[0] == np.float32(1 / 127)
    assert 0.5 / (0.01 * scale[1]) == pytest.approx(BIAS)


def test_a_channel_of_zeros_takes_the_scale_of_the_others() -> None:
    weight = np.zeros((3, 1, 1, 2), np.float32)
    weight[1] = 0.127
    assert weight_scale(weight, None, 1.0, axis=0) == pytest.approx([0.001] * 3)
    assert weight_scale(np.zeros((2, 1, 1, 2), np.float32), None, 1.0, axis=0).tolist() == [1.0, 1.0]


def test_a_network_that_overflows_is_refused() -> None:
    model = random_model("mmseg", 5)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.mul_(1e4)
    graph = lower(model, INT8_NATIVE, *SIZE)
    with pytest.raises(UsageError, match=r"activation .* is beyond float32"):
        quantize_both(graph, [random_image(*SIZE)], SCHEMES["affine"], "fast")
