"""The interpreter itself: what it refuses is one line, and nothing is printed."""

from __future__ import annotations

import pytest

from fastscnn_edge.errors import ModelFileError
from fastscnn_edge.runtime.engines.tflite_interpreter import open_interpreter


def test_what_the_interpreter_refuses_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ai_edge_litert", reason="running a .tflite needs ai-edge-litert")
    with pytest.raises(ModelFileError, match="a model: the interpreter refuses it") as refused:
        open_interpreter(b"\x18\0\0\0TFL3" + bytes(64), 1)
    assert "\n" not in str(refused.value)
    assert capfd.readouterr().err == ""
