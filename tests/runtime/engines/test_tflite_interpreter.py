"""The interpreter itself: what it refuses is one line, and nothing is printed."""

from __future__ import annotations

import os

import pytest

from fastscnn_edge.errors import FastSCNNEdgeError, ModelFileError
from fastscnn_edge.runtime.engines import base, tflite_interpreter
from fastscnn_edge.runtime.engines.tflite_interpreter import open_interpreter


def test_what_the_interpreter_refuses_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ai_edge_litert", reason="running a .tflite needs ai-edge-litert")
    with pytest.raises(ModelFileError, match="a model: the interpreter refuses it") as refused:
        open_interpreter(b"\x18\0\0\0TFL3" + bytes(64), 1)
    assert "\n" not in str(refused.value)
    assert capfd.readouterr().err == ""


def _nothing_but(monkeypatch: pytest.MonkeyPatch, error: type[ImportError]) -> None:
    """The older library fails to load with ``error``; its successor is not installed."""

    def load(name: str) -> None:
        if name.startswith("tflite_runtime"):
            os.write(2, b"A module that was compiled using NumPy 1.x\n")
            raise error("numpy.core.multiarray failed to import\n")
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(tflite_interpreter.importlib, "import_module", load)


@pytest.mark.parametrize(("numpy", "said"), [("2.1.0", "pip install 'numpy<2'"), ("1.26.4", "multiarray failed")])
def test_library_of_another_numpy_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], numpy: str, said: str
) -> None:
    _nothing_but(monkeypatch, ImportError)
    monkeypatch.setattr(tflite_interpreter, "version_of", lambda name: numpy)
    with pytest.raises(FastSCNNEdgeError, match=said) as refused:
        tflite_interpreter.find_library()
    assert "\n" not in str(refused.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("machine", "said"), [("armv6l", "Raspberry Pi Zero 2 W"), ("armv7l", "pip install")])
def test_processors_without_any_engine_are_named(monkeypatch: pytest.MonkeyPatch, machine: str, said: str) -> None:
    _nothing_but(monkeypatch, ModuleNotFoundError)
    monkeypatch.setattr(base.platform, "machine", lambda: machine)
    with pytest.raises(FastSCNNEdgeError, match=said):
        tflite_interpreter.find_library()
