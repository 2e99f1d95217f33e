"""One run of a written file: intermediate results on request, refusals as one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fastscnn_edge.errors import OutputError
from fastscnn_edge.export.to_tflite.interpreter import run_interpreter
from fastscnn_edge.export.to_tflite.writer import write_tflite
from fastscnn_edge.quantization.graph.evaluator import run_all
from fastscnn_edge.quantization.graph.graph import Graph
from fastscnn_edge.quantization.graph.lower import lower
from fastscnn_edge.spec import INT8_NATIVE
from tests.helpers import random_image, random_model

SIZE = (64, 96)
IMAGE = random_image(*SIZE)


@pytest.fixture(scope="module")
def graph() -> Graph:
    return lower(random_model("mmseg", 3), INT8_NATIVE, *SIZE)


def test_intermediate_results_are_kept_if_asked_for(graph: Graph, tmp_path: Path, capfd) -> None:
    (tmp_path / "m.tflite").write_bytes(write_tflite(graph, "test"))
    interpreter = run_interpreter(tmp_path / "m.tflite", graph, IMAGE, reference=True, keep_tensors=True)
    index = {detail["name"]: detail["index"] for detail in interpreter.get_tensor_details()}
    wanted = dict(run_all(graph, IMAGE))["fusion/add"]
    np.testing.assert_allclose(interpreter.get_tensor(index["fusion/add"]), wanted, atol=1e-3)
    assert capfd.readouterr().err == ""


def test_a_damaged_file_is_refused(graph: Graph, tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(b"no model")
    with pytest.raises(OutputError, match="refuses the written file"):
        run_interpreter(tmp_path / "m.tflite", graph, IMAGE)


def test_a_file_of_another_size_is_refused(graph: Graph, tmp_path: Path) -> None:
    other = lower(random_model("mmseg", 3), INT8_NATIVE, 32, 64)
    (tmp_path / "m.tflite").write_bytes(write_tflite(other, "test"))
    with pytest.raises(OutputError, match="refuses the written file"):
        run_interpreter(tmp_path / "m.tflite", graph, IMAGE)
