"""Models that crash, hang or eat memory in a process of their own."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from fastscnn_edge.runtime.engines.open import open_engine
from fastscnn_edge.runtime.engines.tflite_check import trial
from fastscnn_edge.runtime.engines.tflite_check.trial import try_model
from fastscnn_edge.runtime.engines.tflite_file import attach_spec
from tests.helpers import tiny

MIB = 1 << 20

GRAPHS = 2
"""Field of the schema's Model."""


@pytest.fixture
def crashing(tmp_path: Path) -> Path:
    """A model without a list of graphs, of which the interpreter takes the first all the same."""
    body = bytearray(tiny.body(tiny.spec()))
    (root,) = struct.unpack_from("<I", body, 0)
    (back,) = struct.unpack_from("<i", body, root)
    struct.pack_into("<H", body, root - back + 4 + 2 * GRAPHS, 0)
    path = tmp_path / "crash.tflite"
    path.write_bytes(body)
    return path


def test_a_good_model_passes(tiny_model: Path) -> None:
    assert try_model(tiny_model, 64 * MIB) == ""


def test_a_refusal_is_told_in_the_interpreters_words(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(b"no flatbuffer at all" * 10)
    assert try_model(path, 64 * MIB).startswith("the interpreter refuses it: ")


def test_a_crash_is_told_by_its_signal(crashing: Path) -> None:
    assert try_model(crashing, 64 * MIB) == "the interpreter crashes (SIGSEGV)"


def test_a_model_that_takes_more_memory_than_allowed_fails(tmp_path: Path) -> None:
    path = tiny.write(tmp_path / "large.tflite", tiny.spec(8192, 8192))  # a picture of 192 MiB
    assert try_model(path, 300 * MIB) == ""
    assert "memory" in try_model(path, 16 * MIB)


def test_a_hang_ends(tiny_model: Path) -> None:
    assert try_model(tiny_model, 64 * MIB, timeout=0.01) == "a trial of it was not done after 0 s"


def test_without_processes_a_strange_model_is_refused(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial.sys, "executable", "/no/such/python")
    assert try_model(tiny_model, 64 * MIB).startswith("a process to try it in cannot be started")


def test_a_good_model_with_what_we_never_write_runs_after_its_trial(tmp_path: Path) -> None:
    """Converters add metadata; here the least runtime."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(tiny.body(tiny.spec()), 0)
    model.buffers.append(schema.BufferT())
    model.buffers[-1].data = np.frombuffer(b"1.14.0\0\0", np.uint8)
    model.metadata = [schema.MetadataT()]
    model.metadata[0].name, model.metadata[0].buffer = b"min_runtime_version", len(model.buffers) - 1
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path, ours = tmp_path / "foreign.tflite", tiny.write(tmp_path / "ours.tflite")
    path.write_bytes(attach_spec(bytes(builder.Output()), tiny.spec()))
    found, expected = (logits(file) for file in (path, ours))
    np.testing.assert_array_equal(found, expected)


def logits(path: Path) -> np.ndarray:
    engine = open_engine(path, 1)
    view = engine.input_view()
    view[...] = np.random.default_rng(0).integers(-128, 128, view.shape)
    del view
    engine.invoke()
    return engine.logits()
