"""Written files, run by the real interpreter, against the graph they were written from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from fastscnn_edge.errors import OutputError
from fastscnn_edge.export.difference import difference
from fastscnn_edge.export.precision import halve, quantize_weights
from fastscnn_edge.export.to_tflite.verify import list_operators, logits, verify
from fastscnn_edge.export.to_tflite.writer import write_tflite
from fastscnn_edge.quantization.calibration.ranges import observe_ranges
from fastscnn_edge.quantization.graph.evaluator import run
from fastscnn_edge.quantization.graph.graph import Graph
from fastscnn_edge.quantization.graph.lower import lower
from fastscnn_edge.quantization.ptq.ptq import quantize_graph
from fastscnn_edge.spec import IMAGENET, INT8_NATIVE
from tests.helpers import random_image, random_model

SIZES = [(96, 128), (90, 75), (64, 33), (75, 90)]


def float_graph(dialect: str, size: tuple[int, int]) -> Graph:
    # Foreign normalization with the mmseg dialect: the case that needs a border.
    normalization = IMAGENET if dialect == "mmseg" else INT8_NATIVE
    return lower(random_model(dialect, 6), normalization, *size)


def written(graph: Graph, folder: Path) -> Path:
    path = folder / "model.tflite"
    path.write_bytes(write_tflite(graph, "test"))
    return path


@pytest.mark.parametrize("dialect", ["mmseg", "paper"])
@pytest.mark.parametrize("size", SIZES)
def test_int8_equals_the_integer_evaluator_bit_for_bit(dialect: str, size: tuple[int, int], tmp_path: Path) -> None:
    graph = float_graph(dialect, size)
    quantized = quantize_graph(graph, observe_ranges(graph, [random_image(*size)]))
    path, image = written(quantized, tmp_path), random_image(*size, 1)
    expected = run(quantized, image)
    np.testing.assert_array_equal(logits(path, quantized, image, reference=True), expected)
    assert difference([expected], [logits(path, quantized, image)]).agreement > 0.9


@pytest.mark.parametrize("dialect", ["mmseg", "paper"])
@pytest.mark.parametrize("size", SIZES)
def test_fp32_equals_the_float_evaluator(dialect: str, size: tuple[int, int], tmp_path: Path) -> None:
    graph, image = float_graph(dialect, size), random_image(*size, 1)
    gap = difference([run(graph, image)], [logits(written(graph, tmp_path), graph, image)])
    assert gap.largest < 1e-5


@pytest.mark.parametrize(("shrink", "tolerance"), [(halve, 1e-5), (quantize_weights, 0.1)])
def test_smaller_constants_run_as_their_evaluator_says(shrink, tolerance: float, tmp_path: Path) -> None:
    graph, image = shrink(float_graph("mmseg", SIZES[0])), random_image(*SIZES[0])
    path = written(graph, tmp_path)
    assert path.stat().st_size < 0.6 * len(write_tflite(float_graph("mmseg", SIZES[0]), "test"))
    assert difference([run(graph, image)], [logits(path, graph, image)]).largest < tolerance


def test_int8_file_has_no_float_operator_and_uses_same_padding_where_it_can(tmp_path: Path) -> None:
    graph = lower(random_model("mmseg", 6), INT8_NATIVE, 360, 480)
    quantized = quantize_graph(graph, observe_ranges(graph, [random_image(360, 480)]))
    counts, floats = list_operators(written(quantized, tmp_path))
    assert floats == ()
    assert not {"QUANTIZE", "DEQUANTIZE", "CUSTOM"} & set(counts)
    # Three stride-2 stages meet an even extent; 45 x 60 has one odd side, which still needs a PAD.
    assert counts["PAD"] == 5


@pytest.mark.parametrize("dialect", ["mmseg", "paper"])
@pytest.mark.parametrize(("width", "int8", "channels"), [(128, True, 6), (129, True, 3), (128, False, 3)])
def test_first_convolution_is_in_pairs_where_they_save_something(
    dialect: str, width: int, int8: bool, channels: int, tmp_path: Path
) -> None:
    graph = float_graph(dialect, (96, width))
    if int8:
        graph = quantize_graph(graph, observe_ranges(graph, [random_image(96, width)]))
    model = schema.ModelT.InitFromPackedBuf(written(graph, tmp_path).read_bytes(), 0)
    (weight,) = (t for t in model.subgraphs[0].tensors if t.name == b"stem/weight")
    assert list(weight.shape) == [32, 3, 2 if channels == 6 else 3, channels]
    assert list(model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]].shape) == [1, 96, width, 3]


def test_scales_stand_in_the_file_verbatim(tmp_path: Path) -> None:
    graph = float_graph("mmseg", SIZES[0])
    quantized = quantize_graph(graph, observe_ranges(graph, [random_image(*SIZES[0])]))
    model = schema.ModelT.InitFromPackedBuf(written(quantized, tmp_path).read_bytes(), 0)
    found = {t.name.decode(): t.quantization for t in model.subgraphs[0].tensors}
    # The left border is written in pairs, under other names.
    assert {"border/columns", "border/columns_before"} == set(quantized.tensors) - set(found)
    for name in quantized.tensors.keys() & found.keys():
        tensor = quantized.tensors[name]
        assert (found[name].scale == tensor.quantization.scale).all(), name
        assert (found[name].zeroPoint == tensor.quantization.zero_point).all(), name


def test_same_graph_gives_same_bytes_and_aligned_constants() -> None:
    graph = float_graph("mmseg", SIZES[0])
    data = write_tflite(graph, "test")
    assert data == write_tflite(graph, "test")
    model = schema.Model.GetRootAs(data, 0)
    for index in range(1, model.BuffersLength()):
        table = model.Buffers(index)._tab
        start = table.Vector(table.Offset(4))
        assert start % 16 == 0


def test_verify_refuses_a_file_of_another_graph(tmp_path: Path) -> None:
    size = SIZES[0]
    graph = float_graph("mmseg", size)
    a = quantize_graph(graph, observe_ranges(graph, [random_image(*size)]))
    b = quantize_graph(graph, observe_ranges(graph, [random_image(*size) // 2]))
    with pytest.raises(OutputError, match="reference kernels differ"):
        verify(written(a, tmp_path), b, graph, [random_image(*size)])
