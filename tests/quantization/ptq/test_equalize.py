"""Cross-layer equalization: the same function, and channels at one level."""

from __future__ import annotations

import numpy as np
import pytest

from fastscnn_edge.quantization.calibration.statistics import collect
from fastscnn_edge.quantization.graph.evaluator import run, run_all
from fastscnn_edge.quantization.graph.graph import Graph
from fastscnn_edge.quantization.graph.lower import lower
from fastscnn_edge.quantization.ptq import equalize as equalization
from fastscnn_edge.quantization.ptq.channels import channel_sets
from fastscnn_edge.quantization.ptq.equalize import equalize, rescale_channels
from fastscnn_edge.spec import IMAGENET, INT8_NATIVE
from tests.helpers import random_image, random_model
from tests.helpers.hard import unbalanced

SIZE = (96, 128)


def float_graph(dialect: str) -> Graph:
    # Foreign normalization with the mmseg dialect: its border is a concatenation that must not be touched.
    return lower(random_model(dialect, 6), IMAGENET if dialect == "mmseg" else INT8_NATIVE, *SIZE)


def images(count: int) -> list[np.ndarray]:
    return [random_image(*SIZE, seed) for seed in range(count)]


def spread_of(peaks: np.ndarray) -> float:
    """Standard deviation of the logarithm of the living channels' peaks: 0 where all are equal."""
    return float(np.log(peaks[peaks > 0]).std())


@pytest.mark.parametrize("dialect", ["mmseg", "paper"])
@pytest.mark.parametrize("hard", [False, True], ids=["easy", "hard"])
@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_the_float_function_stays(dialect: str, hard: bool, strength: float) -> None:
    graph = unbalanced(float_graph(dialect)) if hard else float_graph(dialect)
    equal = equalize(graph, collect(graph, images(2), histograms=False), strength)
    image = random_image(*SIZE, 9)
    expected, actual = run(graph, image), run(equal, image)
    assert np.abs(actual - expected).max() <= 1e-4 * np.abs(expected).max()
    assert any((equal.tensors[n].data != graph.tensors[n].data).any() for n in ("stem/weight", "pyramid/out/weight"))


@pytest.mark.parametrize("dialect", ["mmseg", "paper"])
def test_any_factors_on_free_sets_keep_the_function_and_scale_the_activations(dialect: str) -> None:
    graph, image = float_graph(dialect), random_image(*SIZE)
    sets = channel_sets(graph)
    factor = np.where(sets.fixed, 1.0, np.exp(np.random.default_rng(0).normal(0, 1, sets.count)))
    before, after = dict(run_all(graph, image)), dict(run_all(rescale_channels(graph, sets, factor), image))
    for name, value in before.items():
        expected = value * factor[sets.of[name]]
        assert np.abs(after[name] - expected).max() <= 1e-4 * np.abs(expected).max(), name


def test_sets_join_through_sums_and_lie_side_by_side_in_the_concat() -> None:
    sets = channel_sets(float_graph("mmseg"))
    of = sets.of
    for one, other in [
        ("bottleneck1.1/project", "bottleneck1.3/add"),
        ("bottleneck1.2/project", "bottleneck1.2/add"),
        ("fusion/lower", "fusion/higher"),
        ("pyramid/out", "fusion/resize"),
        ("bottleneck3.3/add", "pyramid/pool6"),
    ]:
        np.testing.assert_array_equal(of[one], of[other])
    np.testing.assert_array_equal(of["pyramid/concat"][128:160], of["pyramid/branch1"])
    assert not set(of["bottleneck1.1/expand"]) & set(of["bottleneck1.1/depthwise"])
    fixed = {name for name, members in of.items() if sets.fixed[members].any()}
    assert fixed == {"input", "border/rows", "border/columns", "logits"}


def test_channels_read_by_depthwise_convolutions_become_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equalization, "CAUTION", 0)
    graph = unbalanced(float_graph("mmseg"))
    equal = equalize(graph, collect(graph, images(2), histograms=False))
    after = collect(equal, images(2), histograms=False)
    for name in ("stem", "downsample1/pointwise", "bottleneck1.2/expand", "bottleneck3.3/expand", "pyramid/out"):
        peaks = after[name].peak[after[name].peak > 0]
        # All but the few that are too faint to be believed.
        assert (peaks > 0.999 * peaks.max()).mean() > 0.97, name


@pytest.mark.parametrize(
    "name",
    [
        "downsample2/pointwise",
        "bottleneck2.1/depthwise",
        "bottleneck3.3/add",
        "pyramid/concat",
        "classifier1/pointwise",
    ],
)
def test_other_channels_come_nearer_to_each_other(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equalization, "CAUTION", 0)
    graph = unbalanced(float_graph("mmseg"))
    before = collect(graph, images(2), histograms=False)
    after = collect(equalize(graph, before), images(2), histograms=False)
    assert spread_of(after[name].peak) < 0.6 * spread_of(before[name].peak)


def test_branches_come_up_to_the_level_of_the_stream() -> None:
    graph = float_graph("mmseg")
    sets = channel_sets(graph)
    factor = np.ones(sets.count)
    for bins in (1, 2, 3, 6):
        factor[sets.of[f"pyramid/branch{bins}"]] = 0.02
    graph = rescale_channels(graph, sets, factor)
    before = collect(graph, images(2), histograms=False)
    after = collect(equalize(graph, before), images(2), histograms=False)

    def gap(statistics) -> float:
        return float(np.median(statistics["bottleneck3.3/add"].peak) / np.median(statistics["pyramid/branch3"].peak))

    assert gap(before) > 20
    assert gap(after) < gap(before) / 10


def test_dead_channels_are_left_alone() -> None:
    model = random_model("mmseg", 4)
    block = model.global_feature_extractor.bottleneck1[0]
    for module in (block.expand.bn, model.feature_fusion.depthwise.bn):
        module.weight.data[5] = 0
        module.bias.data[5] = -1
    graph = lower(model, INT8_NATIVE, *SIZE)
    statistics = collect(graph, images(2), histograms=False)
    assert statistics["bottleneck1.1/expand"].peak[5] == 0
    equal = equalize(graph, statistics)
    for name in ("bottleneck1.1/expand", "fusion/depthwise"):
        assert equal.tensors[f"{name}/bias"].data[5] == graph.tensors[f"{name}/bias"].data[5]
    assert all(np.isfinite(t.data).all() for t in equal.constants())
    expected = run(graph, images(1)[0])
    assert np.abs(run(equal, images(1)[0]) - expected).max() <= 1e-4 * np.abs(expected).max()


def test_a_channel_that_hardly_stirs_is_not_blown_up_without_bound() -> None:
    graph = float_graph("mmseg")
    sets = channel_sets(graph)
    factor = np.ones(sets.count)
    factor[sets.of["bottleneck1.1/expand"][3]] = 1e-6
    graph = rescale_channels(graph, sets, factor)
    equal = equalize(graph, collect(graph, images(1), histograms=False))
    grown = equal.tensors["bottleneck1.1/expand/bias"].data[3] / graph.tensors["bottleneck1.1/expand/bias"].data[3]
    assert 10 < grown < 500
