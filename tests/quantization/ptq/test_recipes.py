"""Whole recipes: easy and hard graphs, both schemes, and what the files then compute."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fastscnn_edge.errors import UsageError
from fastscnn_edge.export.to_tflite.verify import logits
from fastscnn_edge.export.to_tflite.writer import write_tflite
from fastscnn_edge.quantization.calibration.calibration_images import load_image, spread
from fastscnn_edge.quantization.calibration.scheme import AFFINE, SCHEMES, SYMMETRIC
from fastscnn_edge.quantization.graph.arithmetic import dequantize
from fastscnn_edge.quantization.graph.evaluator import run, run_all
from fastscnn_edge.quantization.graph.graph import Graph
from fastscnn_edge.quantization.graph.lower import lower
from fastscnn_edge.quantization.ptq import recipes
from fastscnn_edge.quantization.ptq.recipes import quantize, quantize_both
from fastscnn_edge.reference.checkpoint import load_checkpoint
from fastscnn_edge.runtime.images import list_images
from fastscnn_edge.runtime.pipeline.segmenter import WEIGHTS
from fastscnn_edge.spec import IMAGENET, INT8_NATIVE
from tests.helpers import random_image, random_model
from tests.helpers.hard import sqnr, unbalanced

SIZE = (96, 128)


def images(count: int, first: int = 0) -> list[np.ndarray]:
    return [random_image(*SIZE, seed) for seed in range(first, first + count)]


def fidelity(graph: Graph, quantized: Graph) -> float:
    """SQNR in dB of int8 logits, on images that calibration did not see."""
    q = quantized.tensors[quantized.output].quantization
    real = np.concatenate([run(graph, p) for p in images(2, 50)])
    integers = np.concatenate([run(quantized, p) for p in images(2, 50)])
    return sqnr(real, dequantize(integers, q.scale[0], q.zero_point))


@pytest.fixture(scope="module")
def graph():
    # This dialect has no 2304-column convolution, whose rounding alone takes seconds.
    return lower(random_model("paper", 6), INT8_NATIVE, *SIZE)


@pytest.fixture(scope="module")
def accurate(graph):
    return quantize(graph, images(2), SYMMETRIC, "accurate")


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=list(SCHEMES))
def test_hard_case_is_recovered(graph, scheme) -> None:
    seen = images(4)
    hard = unbalanced(graph)
    easy_plain = fidelity(graph, quantize(graph, seen, scheme, "plain"))
    hard_plain = fidelity(graph, quantize(hard, seen, scheme, "plain"))
    hard_fast = fidelity(graph, quantize(hard, seen, scheme, "fast"))
    easy_accurate = fidelity(graph, quantize(graph, seen, scheme, "accurate"))
    hard_accurate = fidelity(graph, quantize(hard, seen, scheme, "accurate"))
    assert hard_plain < easy_plain - 6
    assert hard_fast > hard_plain + 4  # four small pictures: caution leaves some of the imbalance
    assert hard_accurate > easy_accurate - 1
    assert hard_accurate > easy_plain


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dialect", "recipe", "scheme"),
    [
        ("mmseg", "plain", SYMMETRIC),
        ("paper", "plain", SYMMETRIC),
        ("mmseg", "fast", SYMMETRIC),
        ("paper", "accurate", SYMMETRIC),
        ("mmseg", "accurate", AFFINE),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_files_compute_what_the_evaluator_says(dialect: str, recipe: str, scheme, tmp_path: Path) -> None:
    size = (64, 96)
    graph = lower(random_model(dialect, 5), IMAGENET if dialect == "mmseg" else INT8_NATIVE, *size)
    quantized = quantize(graph, [random_image(*size, seed) for seed in range(2)], scheme, recipe)
    path, image = tmp_path / "model.tflite", random_image(*size, 9)
    path.write_bytes(write_tflite(quantized, "test"))
    np.testing.assert_array_equal(logits(path, quantized, image, reference=True), run(quantized, image))


@pytest.mark.slow
def test_symmetric_means_zero_point_zero_everywhere(accurate) -> None:
    assert {t.quantization.zero_point for t in accurate.tensors.values()} == {0}
    # A ReLU's output then uses the upper half only.
    values = dict(run_all(accurate, images(1)[0]))
    assert values["stem"].min() == 0 and values["stem"].max() == 127


@pytest.mark.slow
def test_same_arguments_same_integers(graph, accurate) -> None:
    again = quantize(graph, images(2), SYMMETRIC, "accurate")
    for name, tensor in accurate.tensors.items():
        other = again.tensors[name]
        assert tensor.data is None or (tensor.data == other.data).all(), name
        assert (tensor.quantization.scale == other.quantization.scale).all(), name


def test_the_float_twin_computes_the_same(graph) -> None:
    both = quantize_both(graph, images(2), recipe="fast")
    expected = run(graph, images(1)[0])
    assert np.abs(run(both.real, images(1)[0]) - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.slow
def test_progress_counts_every_stage_to_its_end(graph) -> None:
    last = {}
    quantize(graph, images(2), progress=lambda stage, done, total: last.update({stage: (done, total)}))
    assert set(last) == {"observe", "refine"}
    assert all(done == total for done, total in last.values())


def test_little_memory_takes_fewer_pictures(graph, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    original = recipes.refine_layers
    monkeypatch.setattr(
        recipes,
        "refine_layers",
        lambda g, q, chosen, *a, **k: seen.append(len(chosen)) or original(g, q, chosen, *a, **k),
    )
    monkeypatch.setattr(recipes, "MEMORY", 1)
    quantize(graph, images(3))
    assert seen == [1]


def test_nonsense_is_refused(graph) -> None:
    with pytest.raises(UsageError, match="unknown recipe 'best'; one of: plain, fast, accurate"):
        quantize(graph, images(1), recipe="best")
    with pytest.raises(UsageError, match="at least one"):
        quantize(graph, [])


def test_a_few_similar_pictures_at_a_small_size_do_not_spoil_others(shared: Path) -> None:
    """Peaks of few values are no measure of other pictures: channels were amplified until these saturated."""
    checkpoint = load_checkpoint(WEIGHTS / "fastscnn_camvid.safetensors")
    float_graph = lower(checkpoint.model, checkpoint.normalization, *SIZE)
    similar = list_images(shared / "camvid" / "train" / "images")[:8]
    others = spread(list_images(shared / "camvid" / "val" / "images"), 6)
    seen = [load_image(float_graph, path) for path in similar]
    agreement = {}
    for recipe in ("plain", "fast"):
        both = quantize_both(float_graph, seen, AFFINE, recipe)
        same = [
            run(float_graph, image).argmax(3) == run(both.integer, image).argmax(3)
            for image in (load_image(float_graph, path) for path in others)
        ]
        agreement[recipe] = float(np.mean(same))
    assert agreement["fast"] > agreement["plain"] - 0.03
