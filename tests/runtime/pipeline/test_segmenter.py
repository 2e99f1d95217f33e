"""One picture in, one class map out."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import fastscnn_edge
from fastscnn_edge import ModelFileError, Segmenter
from fastscnn_edge.runtime.mask.plan import class_map
from fastscnn_edge.runtime.pipeline import segmenter as module
from fastscnn_edge.testing.fakes import FakeEngine
from tests.helpers import random_image
from tests.helpers.tiny import spec


@pytest.mark.parametrize("size", [(64, 96), (90, 120), (33, 47), (1, 1)])
def test_prediction_has_the_pictures_own_size(tiny_model: Path, size: tuple[int, int]) -> None:
    segmenter = Segmenter(tiny_model, threads=1)
    classes = segmenter.predict(random_image(*size))
    assert classes.shape == size
    assert classes.dtype == np.uint8
    assert classes.max() < len(segmenter.spec.classes)


@pytest.mark.parametrize("align_corners", [False, True])
def test_logits_are_interpolated_as_the_model_asks(align_corners: bool) -> None:
    logits = np.random.default_rng(0).integers(-99, 99, (8, 12, 11)).astype(np.int8)
    segmenter = Segmenter(engine=FakeEngine(spec(align_corners=align_corners), logits))
    np.testing.assert_array_equal(segmenter.predict(random_image(70, 81)), class_map(logits, (70, 81), align_corners))


def test_sizes_may_change_from_picture_to_picture(tiny_model: Path) -> None:
    segmenter, fresh = Segmenter(tiny_model, threads=1), Segmenter(tiny_model, threads=1)
    images = [random_image(64, 96), random_image(40, 50), random_image(64, 96)]
    results = [segmenter.predict(image) for image in images]
    np.testing.assert_array_equal(results[0], results[2])
    np.testing.assert_array_equal(results[1], fresh.predict(images[1]))


def test_stages_are_timed(tiny_model: Path) -> None:
    result = Segmenter(tiny_model, threads=1).predict_timed(random_image(64, 96))
    assert min(result.preprocess, result.invoke, result.mask) > 0


def test_a_refused_frame_leaves_the_segmenter_usable(tiny_model: Path) -> None:
    segmenter = Segmenter(tiny_model, threads=1)
    with pytest.raises(ValueError, match="uint8") as kept:  # its traceback keeps the frames' locals alive
        segmenter.predict(np.zeros((4, 4, 3), np.float32))
    segmenter.predict(random_image(64, 96))
    assert kept.value is not None


@pytest.mark.parametrize(
    ("installed", "name"),
    [
        ({"ai_edge_litert", "onnxruntime"}, "fastscnn_camvid_int8.tflite"),
        ({"tflite_runtime"}, "fastscnn_camvid_int8.tflite"),
        ({"onnxruntime"}, "fastscnn_camvid_int8.onnx"),
        (set(), "fastscnn_camvid_int8.tflite"),
    ],
)
def test_the_bundled_model_is_one_that_can_run_here(
    installed: set[str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda package: package in installed)
    assert module.bundled_model().name == name


def test_a_missing_bundled_model_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "WEIGHTS", tmp_path)
    with pytest.raises(ModelFileError, match="no bundled model"):
        Segmenter()
    with pytest.raises(AttributeError):
        _ = fastscnn_edge.nothing


@pytest.mark.parametrize("model", ["fastscnn_camvid_int8.tflite", "fastscnn_camvid_int8.onnx"])
def test_any_number_of_threads_get_the_masks_of_their_own_pictures(model: str) -> None:
    pytest.importorskip("onnxruntime" if model.endswith(".onnx") else "ai_edge_litert", reason="needs its engine")
    images = [random_image(height, width, seed) for seed, (height, width) in enumerate([(90, 120), (64, 96)] * 4)]
    segmenter = Segmenter(module.WEIGHTS / model, threads=1)
    expected = [segmenter.predict(image) for image in images]

    def work(index: int) -> None:
        for _ in range(6):
            np.testing.assert_array_equal(segmenter.predict(images[index]), expected[index])

    with ThreadPoolExecutor(len(images)) as pool:
        for done in [pool.submit(work, index) for index in range(len(images))]:
            done.result(timeout=120)


def test_a_thread_that_fails_does_not_hold_up_the_others(tiny_model: Path) -> None:
    segmenter = Segmenter(tiny_model, threads=1)
    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(ValueError, match="uint8"):
            pool.submit(segmenter.predict, np.zeros((4, 4, 3), np.float32)).result(timeout=60)
        assert pool.submit(segmenter.predict, random_image(64, 96)).result(timeout=60).shape == (64, 96)


def test_a_closed_segmenter_has_let_go_of_its_engine(tiny_model: Path) -> None:
    with Segmenter(tiny_model, threads=1) as segmenter:
        engine = weakref.ref(segmenter.engine)
        spec = segmenter.spec
        segmenter.predict(random_image(64, 96))
    gc.collect()
    assert engine() is None
    assert segmenter.spec == spec
    segmenter.close()  # a second time changes nothing
    with pytest.raises(RuntimeError, match="this Segmenter is closed"):
        segmenter.predict(random_image(64, 96))


def test_an_engine_that_was_handed_in_stays_its_owner_s() -> None:
    engine = FakeEngine(spec(), np.zeros((8, 12, 11), np.int8))
    with Segmenter(engine=engine) as segmenter:
        segmenter.predict(random_image(64, 96))
    engine.invoke()
    assert engine.invocations == 2


@pytest.mark.parametrize("threads", [1.5, "2", [1]])
def test_a_wrong_number_of_threads_is_not_blamed_on_the_model(tiny_model: Path, threads: object) -> None:
    with pytest.raises(TypeError, match="threads must be an integer, not"):
        Segmenter(tiny_model, threads=threads)  # type: ignore[arg-type]
