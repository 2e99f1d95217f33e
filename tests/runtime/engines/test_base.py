"""Loading and running a .tflite, and refusing what is not one of ours."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fastscnn_edge.classes import CITYSCAPES
from fastscnn_edge.errors import MissingExtraError, ModelFileError
from fastscnn_edge.runtime.engines.base import default_threads
from fastscnn_edge.runtime.engines.open import open_engine
from fastscnn_edge.runtime.engines.tflite_file import attach_spec
from tests.helpers import tiny


def expected_logits(pixels: np.ndarray, classes: int) -> np.ndarray:
    """What the tiny network computes, times its output scale."""
    return pixels[::8, ::8].astype(np.int64) @ tiny.weights(classes)[:, 0, 0].astype(np.int64).T


def test_int8_engine_computes_what_the_file_says(tiny_model: Path) -> None:
    engine = open_engine(tiny_model, threads=1)
    pixels = np.random.default_rng(0).integers(-128, 128, (64, 96, 3)).astype(np.int8)
    engine.input_view()[0] = pixels
    engine.invoke()
    logits = engine.logits()
    assert logits.dtype == np.int8
    assert np.abs(logits - expected_logits(pixels, 11) / 381).max() <= 1
    assert engine.output_quantization is not None
    assert engine.output_quantization == (381.0, 0)
    assert (engine.name, engine.threads) == ("tflite", 1)
    assert engine.library.split()[0] in ("ai-edge-litert", "tflite-runtime")


def test_float_engine_computes_what_the_file_says(tmp_path: Path) -> None:
    engine = open_engine(tiny.write(tmp_path / "m.tflite", tiny.spec(precision="fp32")), threads=1)
    pixels = np.random.default_rng(0).integers(-128, 128, (64, 96, 3))
    engine.input_view()[0] = pixels
    engine.invoke()
    np.testing.assert_allclose(engine.logits(), expected_logits(pixels, 11), rtol=1e-6)
    assert engine.output_quantization is None


def test_logits_survive_the_next_invocation(tiny_model: Path) -> None:
    engine = open_engine(tiny_model, threads=1)
    engine.input_view()[...] = 100
    engine.invoke()
    first = engine.logits()
    kept = first.copy()
    engine.input_view()[...] = -100
    engine.invoke()
    np.testing.assert_array_equal(first, kept)


def test_a_held_view_is_refused_not_undefined(tiny_model: Path) -> None:
    engine = open_engine(tiny_model, threads=1)
    view = engine.input_view()
    with pytest.raises(RuntimeError):
        engine.invoke()
    del view
    engine.invoke()


def test_loading_is_silent(tiny_model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    open_engine(tiny_model, threads=1)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("description", "classes", "words"),
    [
        (tiny.spec(), 7, "11 classes"),
        (replace(tiny.spec(), classes=CITYSCAPES), 11, "19 classes"),
        (replace(tiny.spec(), height=128), None, r"\[1, 128, 96, 3\]"),
        (replace(tiny.spec(), precision="fp32"), None, "float32"),
    ],
)
def test_files_that_contradict_their_description(tmp_path: Path, description, classes, words) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(attach_spec(tiny.body(tiny.spec(), classes), description))
    with pytest.raises(ModelFileError, match=words) as caught:
        open_engine(path)
    assert "\n" not in str(caught.value)


def test_what_is_no_flatbuffer_is_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(attach_spec(b"\x18\0\0\0TFL3" + bytes(64), tiny.spec()))
    with pytest.raises(ModelFileError, match="cannot be run"):
        open_engine(path)
    assert capfd.readouterr().err == ""


def test_onnx_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"x")
    with pytest.raises(ModelFileError, match="export --format onnx"):
        open_engine(tmp_path / "m.onnx")


def test_a_missing_interpreter_is_answered_with_the_pip_command(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ai_edge_litert.interpreter", "tflite_runtime.interpreter"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=r"pip install '.*\[tflite\]'"):
        open_engine(tiny_model)


def test_threads() -> None:
    assert 1 <= default_threads() <= 4
    with pytest.raises(ValueError, match="threads"):
        open_engine("x.tflite", threads=0)
