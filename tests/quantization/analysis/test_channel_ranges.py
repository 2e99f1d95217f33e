"""Ranges: steps are counted right, and the damaged layer gains most."""

from __future__ import annotations

import numpy as np
import pytest

from fastscnn_edge.quantization.analysis.channel_ranges import (
    LIMIT,
    LayerRanges,
    Part,
    in_steps,
    measure_channel_ranges,
    range_table,
    summary,
)
from fastscnn_edge.quantization.calibration.scheme import SCHEMES
from fastscnn_edge.quantization.calibration.statistics import BINS, Histogram
from fastscnn_edge.quantization.graph.evaluator import run_all
from fastscnn_edge.quantization.graph.lower import lower
from fastscnn_edge.quantization.ptq import equalize
from fastscnn_edge.spec import INT8_NATIVE
from tests.helpers import random_image, random_model
from tests.helpers.hard import HARD_LAYERS, unbalanced

SIZE = (64, 96)
IMAGES = [random_image(*SIZE, seed) for seed in range(2)]


@pytest.fixture(scope="module")
def graph():
    return unbalanced(lower(random_model("mmseg", 3), INT8_NATIVE, *SIZE))


@pytest.fixture(scope="module")
def layers(graph):
    return {layer.name: layer for layer in measure_channel_ranges(graph, IMAGES)}


@pytest.mark.parametrize(("scheme", "steps"), [("affine", 255), ("symmetric", 127)])
def test_peaks_are_in_steps_of_the_scale(graph, scheme: str, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equalize, "CAUTION", 0)  # peaks of few values are not taken at their word otherwise
    stem = next(layer for layer in measure_channel_ranges(graph, IMAGES, SCHEMES[scheme]) if layer.name == "stem")
    # A ReLU's output: the largest channel reaches the last step, the others their share of it.
    seen = np.max([dict(run_all(graph, image))["stem"].max((0, 1, 2)) for image in IMAGES], 0)
    np.testing.assert_allclose(stem.before, steps * seen / seen.max(), rtol=1e-5)
    # Read by a depthwise convolution alone, so every channel is brought to the same peak.
    np.testing.assert_allclose(stem.after[seen > 0], steps, rtol=1e-4)


def test_unbalanced_layers_gain_most(layers) -> None:
    raised = {name for name, _, factor in HARD_LAYERS if factor > 1}
    assert set(list(layers)[:3]) <= raised
    assert summary(layers["stem"].before).coarse > 16
    assert summary(layers["stem"].after).coarse == 0


def test_what_shares_a_scale_is_shown_once(layers) -> None:
    assert {"stem", "logits", "pyramid/pool", "pyramid/out", "bottleneck2.3/add"} <= set(layers)
    assert not {
        "input",
        "pyramid/branch1",
        "pyramid/resize6",
        "pyramid/pool2",
        "fusion/resize",
        "bottleneck3.3/add",
    } & set(layers)
    assert layers["logits"].bits_gained == pytest.approx(0, abs=1e-4)


def test_the_concat_is_shown_by_its_parts(graph, layers) -> None:
    parts = layers["pyramid/concat"].parts
    # At this size the coarsest grid is 2x3, so every level is resized.
    assert [part.name for part in parts] == ["bottleneck3.3/add", *(f"pyramid/resize{n}" for n in (1, 2, 3, 6))]
    assert [(part.channels.start, part.channels.stop) for part in parts] == [
        (0, 128),
        (128, 160),
        (160, 192),
        (192, 224),
        (224, 256),
    ]
    values = [dict(run_all(graph, image)) for image in IMAGES]
    for part in parts:
        assert part.before.sum() == sum(np.count_nonzero(one[part.name]) for one in values)


def test_values_go_to_the_nearest_step() -> None:
    counts = np.zeros(BINS, np.int64)
    counts[[0, BINS // 2, BINS - 1]] = 1, 2, 3
    found = in_steps(Histogram(counts, -10.0, 10.0, zeros=99), 2.0)
    assert found.sum() == 6
    assert (found[LIMIT - 5], found[LIMIT], found[LIMIT + 5]) == (1, 2, 3)


def test_dead_channels_do_not_count() -> None:
    seen = summary(np.array([0.0, 8.0, 100.0, 255.0]))
    assert (seen.coarse, seen.least, seen.median, seen.greatest) == (1, 8, 100, 255)
    assert summary(np.zeros(3)).greatest == 0
    nothing = np.zeros(2 * LIMIT + 1, np.int64)
    dead = LayerRanges("dead", (Part("dead", slice(0, 3), nothing, nothing),), np.zeros(3), np.zeros(3))
    assert dead.bits_gained == 0
    assert "dead" in range_table([dead])
