"""Written .onnx files, run by ONNX Runtime, against the graph they were written from."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from fastscnn_edge.export.difference import difference
from fastscnn_edge.export.precision import halve
from fastscnn_edge.export.to_onnx.options import DYNAMICS, INPUTS, TARGETS, OnnxOptions
from fastscnn_edge.export.to_onnx.verify import image, integers, open_session
from fastscnn_edge.export.to_onnx.writer import write_onnx
from fastscnn_edge.quantization.calibration.ranges import observe_ranges
from fastscnn_edge.quantization.calibration.scheme import SCHEMES
from fastscnn_edge.quantization.graph.evaluator import run
from fastscnn_edge.quantization.graph.graph import Conv, Graph
from fastscnn_edge.quantization.graph.lower import lower
from fastscnn_edge.quantization.ptq.ptq import activation_parameters, with_parameters
from fastscnn_edge.runtime.mask.plan import class_map
from fastscnn_edge.spec import IMAGENET, INT8_NATIVE, Normalization
from tests.helpers import random_image, random_model

SIZES = [(96, 128), (90, 75), (64, 33)]

# Foreign normalization with the mmseg dialect: the case that needs a border.
NORMALIZATION = {"mmseg": IMAGENET, "paper": INT8_NATIVE}


def float_graph(dialect: str, size: tuple[int, int]) -> Graph:
    return lower(random_model(dialect, 6), NORMALIZATION[dialect], *size)


def int8_graph(graph: Graph, scheme: str = "affine") -> Graph:
    _, height, width, _ = graph.tensors[graph.input].shape
    ranges = observe_ranges(graph, [random_image(height, width)])
    return with_parameters(graph, activation_parameters(graph, ranges, SCHEMES[scheme]))


def outcome(
    graph: Graph,
    options: OnnxOptions,
    picture: np.ndarray,
    folder: Path,
    *,
    align_corners: bool = False,
    normalization: Normalization = IMAGENET,
) -> tuple[np.ndarray, Counter[str]]:
    """What ONNX Runtime makes of ``picture``, and the operators it ran."""
    path = folder / "model.onnx"
    onnx.save(write_onnx(graph, options, normalization, align_corners, {}), path)
    session, optimized = open_session(path, options)
    (value,) = session.run(None, {"image": image(picture, options, normalization)})
    return value, Counter(node.op_type for node in optimized.graph.node)


def nhwc(logits: np.ndarray) -> np.ndarray:
    return logits.transpose(0, 2, 3, 1)


@pytest.mark.parametrize("dialect", ["mmseg", "paper"])
@pytest.mark.parametrize("size", SIZES)
def test_fp32_equals_the_float_evaluator(dialect: str, size: tuple[int, int], tmp_path: Path) -> None:
    graph, image = float_graph(dialect, size), random_image(*size, 1)
    logits, _ = outcome(graph, OnnxOptions(), image, tmp_path)
    assert difference([run(graph, image)], [nhwc(logits)]).largest < 1e-5


@pytest.mark.parametrize("dialect", ["mmseg", "paper"])
def test_fp16_computes_in_fp16(dialect: str, tmp_path: Path) -> None:
    graph, image = float_graph(dialect, (96, 128)), random_image(96, 128, 1)
    logits, _ = outcome(halve(graph), OnnxOptions(), image, tmp_path)
    assert logits.dtype == np.float32
    assert difference([run(graph, image)], [nhwc(logits)]).largest < 0.01
    model = onnx.load(tmp_path / "model.onnx")
    assert {i.data_type for i in model.graph.initializer} == {onnx.TensorProto.FLOAT16, onnx.TensorProto.INT64}


@pytest.mark.parametrize("target", ["ort-x86", "ort-arm64"])
@pytest.mark.parametrize("dialect", ["mmseg", "paper"])
@pytest.mark.parametrize("size", SIZES)
def test_int8_runs_every_convolution_in_integers(
    dialect: str, size: tuple[int, int], target: str, tmp_path: Path
) -> None:
    graph = int8_graph(float_graph(dialect, size))
    image, convolutions = random_image(*size, 1), sum(isinstance(op, Conv) for op in graph.ops)
    logits, operators = outcome(graph, OnnxOptions(target=target), image, tmp_path)
    assert operators["QLinearConv"] == convolutions
    assert not operators["Conv"] + operators["FusedConv"]
    assert operators["QLinearMatMul"] == 1 and operators["QLinearAdd"] == 7
    gap = difference([run(graph, image)], [integers(graph, nhwc(logits))])
    # Single steps from the resizes and roundings grow through random layers; classes hardly move.
    assert gap.largest <= 40
    assert gap.agreement > 0.9


@pytest.mark.parametrize("scheme", ["affine", "symmetric"])
@pytest.mark.parametrize("target", TARGETS)
def test_every_scale_is_in_the_file_to_the_bit(scheme: str, target: str) -> None:
    if (scheme, target) == ("affine", "tensorrt"):
        pytest.skip("TensorRT takes no zero points")
    graph = int8_graph(float_graph("mmseg", (64, 96)), scheme)
    model = write_onnx(graph, OnnxOptions(target=target), IMAGENET, False, {})
    constants = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    shift = 128 if target == "ort-x86" else 0
    written = 0
    for tensor in graph.tensors.values():
        quantization = tensor.quantization
        if quantization is None or f"{tensor.name}/scale" not in constants:
            continue
        np.testing.assert_array_equal(constants[f"{tensor.name}/scale"].reshape(-1), quantization.scale)
        if tensor.data is None:
            zero_point = constants[f"{tensor.name}/zero_point"]
            assert zero_point == quantization.zero_point + shift
            assert zero_point.dtype == (np.uint8 if shift else np.int8)
        written += 1
    activations = sum(t.data is None for t in graph.tensors.values())
    convolutions = [op for op in graph.ops if isinstance(op, Conv)]
    assert written >= activations + len(convolutions)
    for op in convolutions:
        expected = graph.tensors[op.weight].data.transpose((3, 0, 1, 2) if op.depthwise else (0, 3, 1, 2))
        np.testing.assert_array_equal(constants[f"{op.weight}/int8"], expected)


def test_tensorrt_files_have_no_zero_points_and_float_biases() -> None:
    graph = int8_graph(float_graph("mmseg", (64, 96)), "symmetric")
    model = write_onnx(graph, OnnxOptions(target="tensorrt"), IMAGENET, False, {})
    constants = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    zero_points = [
        constants[n.input[2]] for n in model.graph.node if n.op_type in ("QuantizeLinear", "DequantizeLinear")
    ]
    assert all(z.dtype == np.int8 and not z.any() for z in zero_points)
    for node in model.graph.node:
        if node.op_type == "Conv":
            assert constants[node.input[2]].dtype == np.float32
    # uint8 is an input type alone, and a Cast must follow.
    assert next(n for n in model.graph.node if "image" in n.input).op_type == "Cast"


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("form", ["float", "int8"])
def test_inputs_mean_the_same_picture(kind: str, form: str, tmp_path: Path) -> None:
    graph = float_graph("mmseg", (64, 96))
    graph = graph if form == "float" else int8_graph(graph)
    image = random_image(64, 96, 1)
    logits, _ = outcome(graph, OnnxOptions(input=kind), image, tmp_path)
    expected, _ = outcome(graph, OnnxOptions(), image, tmp_path)
    assert np.abs(logits - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("align_corners", [False, True])
def test_heads_are_the_mask_of_the_logits(align_corners: bool, target: str, tmp_path: Path) -> None:
    graph, image = float_graph("paper", (64, 96)), random_image(64, 96, 1)
    mask = class_map(run(graph, image)[0], (64, 96), align_corners)
    upsampled, _ = outcome(
        graph, OnnxOptions(head="upsampled", target=target), image, tmp_path, align_corners=align_corners
    )
    assert upsampled.shape == (1, 6, 64, 96)
    assert (upsampled[0].argmax(0) == mask).mean() > 0.999
    classes, _ = outcome(graph, OnnxOptions(head="argmax", target=target), image, tmp_path, align_corners=align_corners)
    assert (classes.dtype, classes.shape) == (np.uint8, (1, 64, 96))
    assert (classes[0] == mask).mean() > 0.999


@pytest.mark.parametrize("dialect", ["mmseg", "paper"])
@pytest.mark.parametrize("form", ["float", "int8"])
@pytest.mark.parametrize("dynamic", [d for d in DYNAMICS if d != "no"])
def test_one_dynamic_file_is_every_fixed_file(dialect: str, form: str, dynamic: str, tmp_path: Path) -> None:
    written = (224, 256)
    size = written if dynamic == "batch" else (97, 250)
    batch = 1 if dynamic == "size" else 2
    model = random_model(dialect, 6)
    typical, other = (lower(model, NORMALIZATION[dialect], *extent) for extent in (written, size))
    if form == "int8":
        scheme = SCHEMES["affine"]
        parameters = activation_parameters(typical, observe_ranges(typical, [random_image(*written)]), scheme)
        typical, other = (with_parameters(g, parameters) for g in (typical, other))
    options = OnnxOptions(dynamic=dynamic)
    path = tmp_path / "model.onnx"
    onnx.save(write_onnx(typical, options, NORMALIZATION[dialect], dialect == "paper", {}), path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    images = [random_image(*size, seed) for seed in range(batch)]
    (logits,) = session.run(None, {"image": np.stack(images)})
    actual = [integers(other, nhwc(logits)[i : i + 1]) for i in range(batch)]
    gap = difference([run(other, p) for p in images], actual)
    if form == "float":
        assert gap.largest < 1e-5
    else:
        assert gap.agreement > 0.9


def test_dynamic_argmax_follows_the_picture(tmp_path: Path) -> None:
    graph = float_graph("mmseg", (224, 256))
    path = tmp_path / "model.onnx"
    onnx.save(write_onnx(graph, OnnxOptions(head="argmax", dynamic="all"), IMAGENET, False, {}), path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for height, width in ((64, 96), (97, 250)):
        (classes,) = session.run(None, {"image": np.stack([random_image(height, width)] * 2)})
        assert classes.shape == (2, height, width)


def test_same_graph_same_bytes() -> None:
    graph = int8_graph(float_graph("mmseg", (64, 96)))
    first, second = (write_onnx(graph, OnnxOptions(), IMAGENET, False, {"a": "b"}) for _ in range(2))
    assert first.SerializeToString() == second.SerializeToString()
