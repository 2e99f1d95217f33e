"""Files of mixed graphs, run by the real interpreter, and the check that goes operation by operation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from fastscnn_edge.errors import OutputError
from fastscnn_edge.export.to_tflite.layerwise import check_operations, float_tensors
from fastscnn_edge.export.to_tflite.verify import describe_tflite, list_operators, logits, verify
from fastscnn_edge.export.to_tflite.writer import write_tflite
from fastscnn_edge.quantization.calibration.ranges import observe_ranges
from fastscnn_edge.quantization.calibration.scheme import SCHEMES
from fastscnn_edge.quantization.graph.evaluator import run
from fastscnn_edge.quantization.graph.graph import Graph
from fastscnn_edge.quantization.graph.lower import lower
from fastscnn_edge.quantization.graph.mixed_precision import int16_activations, keep_float
from fastscnn_edge.quantization.ptq.ptq import quantize_graph
from fastscnn_edge.spec import IMAGENET, INT8_NATIVE
from tests.helpers import random_image, random_model

SIZE = (64, 96)
PICTURE = random_image(*SIZE, 5)
# Among those named downsample is a stride-2 convolution whose padding needs a PAD.
LAYERS = [["fusion/higher"], ["downsample*", "pyramid/*", "logits"], ["*"]]


@pytest.fixture(scope="module", params=[("mmseg", "affine"), ("paper", "symmetric")], ids="-".join)
def graphs(request: pytest.FixtureRequest) -> tuple[Graph, Graph]:
    """(float, int8)."""
    dialect, scheme = request.param
    graph = lower(random_model(dialect, 6), IMAGENET if dialect == "mmseg" else INT8_NATIVE, *SIZE)
    ranges = observe_ranges(graph, [random_image(*SIZE, seed) for seed in range(2)])
    return graph, quantize_graph(graph, ranges, SCHEMES[scheme])


def written(graph: Graph, folder: Path) -> Path:
    path = folder / "model.tflite"
    path.write_bytes(write_tflite(graph, "test"))
    return path


@pytest.mark.parametrize("layers", LAYERS)
def test_int16_layers_equal_the_evaluator_bit_for_bit(
    layers: list[str], graphs: tuple[Graph, Graph], tmp_path: Path
) -> None:
    graph, int8 = graphs
    mixed = int16_activations(int8, layers)
    path = written(mixed, tmp_path)
    np.testing.assert_array_equal(logits(path, mixed, PICTURE, reference=True), run(mixed, PICTURE))
    found = verify(path, mixed, graph, [PICTURE])
    assert found.float_operators == ()
    assert found.layers.startswith("int16: ")
    assert "not int8    int16: " in describe_tflite(found) and "bit for bit (1 picture)" in describe_tflite(found)


@pytest.mark.parametrize("layers", LAYERS)
def test_float_layers_pass_operation_by_operation(
    layers: list[str], graphs: tuple[Graph, Graph], tmp_path: Path
) -> None:
    graph, int8 = graphs
    mixed = keep_float(int8, graph, layers)
    path = written(mixed, tmp_path)
    check_operations(path, mixed, PICTURE)
    found = verify(path, mixed, graph, [PICTURE])
    assert found.layers.startswith("float: ")
    assert set(found.float_operators) >= {"CONV_2D", "DEQUANTIZE", "QUANTIZE"}
    assert list_operators(path, float_tensors(mixed))[1] == ()


def test_float_and_int16_layers_in_one_file(graphs: tuple[Graph, Graph], tmp_path: Path) -> None:
    graph, int8 = graphs
    mixed = int16_activations(keep_float(int8, graph, ["fusion/*", "bottleneck1.*"]), ["bottleneck2*", "pyramid/*"])
    assert verify(written(mixed, tmp_path), mixed, graph, [PICTURE]).reference is not None


def test_conversions_and_wide_layers_have_the_least_versions(graphs: tuple[Graph, Graph], tmp_path: Path) -> None:
    graph, int8 = graphs
    mixed = int16_activations(keep_float(int8, graph, ["fusion/*"]), ["downsample*"])
    model = schema.ModelT.InitFromPackedBuf(written(mixed, tmp_path).read_bytes(), 0)
    subgraph = model.subgraphs[0]
    found = set()
    for operator in subgraph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        kinds = tuple(subgraph.tensors[i].type for i in (operator.inputs[0], operator.outputs[0]))
        found.add((code.builtinCode, kinds, code.version))
    op, kind = schema.BuiltinOperator, schema.TensorType
    assert {
        (op.DEQUANTIZE, (kind.INT8, kind.FLOAT32), 2),
        (op.QUANTIZE, (kind.FLOAT32, kind.INT8), 1),
        (op.QUANTIZE, (kind.INT8, kind.INT16), 2),
        (op.QUANTIZE, (kind.INT16, kind.INT8), 1),
        (op.CONV_2D, (kind.INT8, kind.INT8), 3),
        (op.CONV_2D, (kind.FLOAT32, kind.FLOAT32), 1),
        (op.CONV_2D, (kind.INT16, kind.INT16), 4),
        (op.DEPTHWISE_CONV_2D, (kind.INT16, kind.INT16), 5),
        (op.PAD, (kind.INT16, kind.INT16), 3),
    } <= found


def test_an_operation_that_differs_is_named(graphs: tuple[Graph, Graph], tmp_path: Path) -> None:
    graph, int8 = graphs
    mixed = keep_float(int8, graph, ["fusion/higher"])
    path = written(mixed, tmp_path)
    # A shift of the outputs by 8 steps: more than any rounding.
    for output in ("bottleneck1.1/expand", "fusion/higher"):
        name, step = f"{output}/bias", int8.tensors[output].quantization.scale[0]
        bias = mixed.tensors[name]
        unit = 1.0 if bias.quantization is None else bias.quantization.scale
        other = mixed.replace_tensors({name: replace(bias, data=(bias.data + 8 * step / unit).astype(bias.dtype))})
        with pytest.raises(OutputError, match=f"differ from the graph at '{output}' by up to 8 steps"):
            check_operations(path, other, PICTURE)


def test_a_float_layer_that_nobody_asked_for_is_refused(graphs: tuple[Graph, Graph], tmp_path: Path) -> None:
    graph, int8 = graphs
    asked, more = (keep_float(int8, graph, layers) for layers in (["fusion/higher"], ["fusion/higher", "stem"]))
    path = written(more, tmp_path)
    assert list_operators(path, float_tensors(asked))[1] == ("CONV_2D", "DEQUANTIZE", "QUANTIZE")
    with pytest.raises(OutputError):
        verify(path, asked, graph, [PICTURE])


def test_nothing_is_float_in_an_int8_graph(graphs: tuple[Graph, Graph]) -> None:
    assert float_tensors(graphs[1]) == set()
