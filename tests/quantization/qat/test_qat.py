"""Quantization-aware training, and the file its integers travel in."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from fastscnn_edge.classes import generic
from fastscnn_edge.cli.main import main
from fastscnn_edge.errors import CheckpointError
from fastscnn_edge.evaluation.datasets import open_dataset
from fastscnn_edge.files import sha256
from fastscnn_edge.quantization.calibration.ranges import observe_ranges
from fastscnn_edge.quantization.calibration.scheme import SCHEMES
from fastscnn_edge.quantization.graph.arithmetic import dequantize
from fastscnn_edge.quantization.graph.evaluator import run, run_all
from fastscnn_edge.quantization.graph.graph import Resize
from fastscnn_edge.quantization.graph.lower import lower
from fastscnn_edge.quantization.ptq.ptq import activation_parameters, with_parameters
from fastscnn_edge.quantization.ptq.recipes import TRAINING_START, apply
from fastscnn_edge.quantization.qat.fake_quant import FakeQuantGraph, round_weight
from fastscnn_edge.quantization.qat.qat import QatConfig, divergence, train_qat
from fastscnn_edge.quantization.quantized_file import Origin, is_quantized_file, load_quantized, save_quantized
from fastscnn_edge.reference.checkpoint import load_checkpoint, save_checkpoint
from fastscnn_edge.spec import IMAGENET, INT8_NATIVE
from tests.helpers import random_image, random_model

SIZE = (64, 96)
CLASSES = generic(5)


def quantized(dialect: str, scheme_name: str, normalization=INT8_NATIVE):
    scheme = SCHEMES[scheme_name]
    graph = lower(random_model(dialect, 5), normalization, *SIZE)
    parameters = activation_parameters(graph, observe_ranges(graph, [random_image(*SIZE, s) for s in range(3)]), scheme)
    return graph, parameters, scheme


@pytest.mark.parametrize("dialect", ["mmseg", "paper"])
@pytest.mark.parametrize("scheme_name", ["affine", "symmetric"])
def test_every_operation_rounds_as_the_integers_do(dialect: str, scheme_name: str) -> None:
    """Each is given the integer graph's own inputs: a whole random network would amplify one early tie."""
    graph, parameters, scheme = quantized(dialect, scheme_name, IMAGENET if dialect == "mmseg" else INT8_NATIVE)
    integers = dict(run_all(with_parameters(graph, parameters, scheme), random_image(*SIZE, 1)))
    real = {
        name: torch.tensor(dequantize(value, parameters[name].scale[0], parameters[name].zero_point))
        for name, value in integers.items()
    }
    model = FakeQuantGraph(graph, parameters, scheme)
    for op in graph.ops:
        with torch.no_grad():
            inputs = {name: real[name].permute(0, 3, 1, 2) for name in op.inputs if name in real}
            result = model._run(op, inputs).permute(0, 2, 3, 1).numpy()
        q = parameters[op.output]
        steps = np.abs(np.round(result / q.scale[0]) + q.zero_point - integers[op.output])
        assert steps.max() <= 1, op.output
        # Between few pixels a resize has weights like 1/2 and many ties, which torch rounds to even.
        assert (steps > 0).mean() < (0.15 if isinstance(op, Resize) else 0.03), op.output


@pytest.mark.parametrize("scheme_name", ["affine", "symmetric"])
def test_untrained_the_graph_comes_back(scheme_name: str) -> None:
    graph, parameters, scheme = quantized("mmseg", scheme_name)
    back, scales = FakeQuantGraph(graph, parameters, scheme).trained()
    for name, tensor in graph.tensors.items():
        if tensor.data is not None:
            np.testing.assert_array_equal(back.tensors[name].data, tensor.data)
    for name, q in parameters.items():
        assert scales[name].zero_point == q.zero_point
        np.testing.assert_allclose(scales[name].scale, q.scale, rtol=1e-6)


def test_weights_are_rounded_as_the_scheme_rounds_them() -> None:
    graph, parameters, scheme = quantized("mmseg", "affine")
    integer = with_parameters(graph, parameters, scheme)
    weight = graph.tensors["pyramid/out/weight"]
    rounded = round_weight(torch.tensor(weight.data.transpose(0, 3, 1, 2))).permute(0, 2, 3, 1).numpy()
    q = integer.tensors["pyramid/out/weight"]
    expected = dequantize(q.data, q.quantization.scale[:, None, None, None])
    assert (np.abs(rounded - expected) > 1e-6).mean() < 1e-3  # ties alone may go the other way


def test_gradients_reach_every_weight_and_scale() -> None:
    graph, parameters, scheme = quantized("mmseg", "affine")
    model = FakeQuantGraph(graph, parameters, scheme)
    model(torch.randn(2, 3, *SIZE) * 60).square().mean().backward()
    missing = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert missing == []


def test_symmetric_has_no_zero_points_to_learn() -> None:
    graph, parameters, scheme = quantized("mmseg", "symmetric")
    model = FakeQuantGraph(graph, parameters, scheme)
    assert not any(p.requires_grad for name, p in model.named_parameters() if name.endswith("zero_point"))


def test_divergence_is_zero_for_equal_logits_and_positive_otherwise() -> None:
    a, b = torch.randn(2, 4, 3, 3), torch.randn(2, 4, 3, 3)
    assert float(divergence(a, a)) == pytest.approx(0, abs=1e-6)
    assert float(divergence(a, b)) > 0


# --- the file -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["mmseg", "paper"])
def test_a_quantized_file_keeps_every_integer_and_fits_other_sizes(dialect: str, tmp_path: Path) -> None:
    graph, parameters, scheme = quantized(dialect, "affine", IMAGENET)
    integer = with_parameters(graph, parameters, scheme)
    path = tmp_path / "q.safetensors"
    origin = Origin(dialect, CLASSES, IMAGENET, "0" * 64, "test", SIZE)
    save_quantized(path, integer, scheme, origin)
    file = load_quantized(path)
    assert is_quantized_file(path)
    assert file.origin == origin
    back, real = file.graphs(scheme, *SIZE)
    for name, tensor in integer.tensors.items():
        if tensor.data is not None:
            np.testing.assert_array_equal(back.tensors[name].data, tensor.data)
        assert back.tensors[name].quantization.scale.tobytes() == tensor.quantization.scale.tobytes()
    assert not real.is_quantized
    larger, _ = file.graphs(scheme, 96, 160)
    assert run(larger, random_image(96, 160)).shape == (1, 12, 20, 5)


def test_damaged_quantized_files_are_refused(tmp_path: Path) -> None:
    graph, parameters, scheme = quantized("mmseg", "affine")
    path = tmp_path / "q.safetensors"
    save_quantized(
        path,
        with_parameters(graph, parameters, scheme),
        scheme,
        Origin("mmseg", CLASSES, INT8_NATIVE, "0" * 64, "test", SIZE),
    )
    file = load_quantized(path)
    with pytest.raises(CheckpointError, match="stem/weight"):
        constants = {k: v for k, v in file.constants.items() if k != "stem/weight"}
        dataclasses.replace(file, constants=constants).graphs(scheme, *SIZE)
    with pytest.raises(CheckpointError, match="already quantized"):
        load_checkpoint(path)
    path.write_bytes(path.read_bytes()[:1000])
    assert not is_quantized_file(path)
    with pytest.raises(CheckpointError, match="not a quantized network"):
        load_quantized(path)


# --- training -----------------------------------------------------------------------------------


@pytest.fixture
def checkpoint(tiny_dataset: Path, tmp_path: Path) -> Path:
    classes = open_dataset(tiny_dataset, "train").classes
    path = tmp_path / "float.safetensors"
    save_checkpoint(path, random_model("mmseg", len(classes)), classes, INT8_NATIVE, {"crop": [64, 64]})
    return path


def test_training_teaches_the_rounded_model(checkpoint: Path, tiny_dataset: Path, tmp_path: Path) -> None:
    loaded = load_checkpoint(checkpoint)
    scheme = SCHEMES["symmetric"]
    graph = lower(loaded.model, loaded.normalization, 64, 64)
    train_set, val_set = open_dataset(tiny_dataset, "train"), open_dataset(tiny_dataset, "val")
    start = apply(TRAINING_START, graph, [random_image(64, 64)], scheme)
    config = QatConfig(epochs=6, batch=2, rate=1e-3, ema=0.5)
    outcome = train_qat(
        loaded, start, scheme, train_set, val_set, tmp_path / "run", config, workers=0, evaluate_every=2
    )
    assert outcome.graph is not None
    assert outcome.graph.is_quantized
    assert (outcome.epoch, outcome.interrupted) == (6, False)
    state = torch.load(tmp_path / "run" / "qat.pt", weights_only=True)
    assert state["epoch"] == 6
    assert {t.quantization.zero_point for t in outcome.graph.tensors.values()} == {0}


def test_command_resumes_and_exports_the_trained_scales(
    checkpoint: Path, tiny_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run" / "int8.safetensors"
    common = [
        "quantize",
        "--checkpoint",
        str(checkpoint),
        "--method",
        "qat",
        "--data",
        str(tiny_dataset),
        "--batch",
        "2",
        "--workers",
        "0",
        "--evaluate-every",
        "1",
        "--out",
        str(out),
    ]
    assert main([*common, "--epochs", "1"]) == 0
    first = sha256(out)
    capsys.readouterr()
    assert main([*common, "--epochs", "2", "--rate", "2e-5", "--resume"]) == 0
    printed = capsys.readouterr().out
    assert "note: resumed with other options than before: epochs 2 (was 1), rate 2e-05 (was 1e-05)" in printed
    assert "2 epochs" in printed
    model = tmp_path / "model.tflite"
    assert main(["export", "--checkpoint", str(out), "--out", str(model)]) == 0
    assert scales_in(model) == {name: values for name, values in scales_of(out).items() if name in scales_in(model)}
    assert len(first) == 64
    onnx_model = tmp_path / "model.onnx"
    assert main(["export", "--checkpoint", str(out), "--target", "ort-arm64", "--out", str(onnx_model)]) == 0
    # Constants apart: the file's own names for shapes and the like carry no scale.
    assert scales_in_onnx(onnx_model) == {name: v for name, v in scales_of(out).items() if "border" not in name}


def test_training_starts_from_the_scales_that_a_checkpoint_carries(
    checkpoint: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    calibrated = tmp_path / "calibrated.safetensors"
    assert (
        main(
            [
                "calibrate",
                "--checkpoint",
                str(checkpoint),
                "--calibration",
                str(tiny_dataset / "train/images"),
                "--out",
                str(calibrated),
            ]
        )
        == 0
    )
    out = tmp_path / "run" / "int8.safetensors"
    assert (
        main(
            [
                "quantize",
                "--checkpoint",
                str(calibrated),
                "--method",
                "qat",
                "--data",
                str(tiny_dataset),
                "--batch",
                "2",
                "--workers",
                "0",
                "--epochs",
                "1",
                "--out",
                str(out),
            ]
        )
        == 0
    )
    stored = load_checkpoint(calibrated).quantization["activations"]
    for name, (scale, _) in scales_of(out).items():
        assert scale == pytest.approx(stored[name][0], rel=0.01)


def scales_of(path: Path) -> dict[str, tuple[float, int]]:
    return {
        name: (scale, zero_point)
        for name, (scale, zero_point) in load_quantized(path).activations["activations"].items()
    }


def scales_in_onnx(path: Path) -> dict[str, tuple[float, int]]:
    constants = {i.name: onnx.numpy_helper.to_array(i) for i in onnx.load(path).graph.initializer}
    return {
        name.removesuffix("/scale"): (float(value), int(constants[f"{name.removesuffix('/scale')}/zero_point"]))
        for name, value in constants.items()
        if name.endswith("/scale") and value.ndim == 0
    }


def scales_in(path: Path) -> dict[str, tuple[float, int]]:
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    known = scales_of(path.parent / "run" / "int8.safetensors")
    return {
        t.name.decode(): (float(t.quantization.scale[0]), int(t.quantization.zeroPoint[0]))
        for t in model.subgraphs[0].tensors
        if t.name.decode() in known
    }


BAD: dict[str, tuple[Callable[[Path, Path], list[str]], str]] = {
    "no data": (lambda c, t: ["--method", "qat"], "needs --data"),
    "no pictures": (lambda c, t: ["--method", "ptq"], "needs --calibration"),
    "suffix": (lambda c, t: ["--calibration", str(t), "--out", str(t / "x.bin")], ".safetensors"),
    "nothing to resume": (lambda c, t: ["--method", "qat", "--data", "DATA", "--batch", "2", "--resume"], "nothing"),
    "batch": (lambda c, t: ["--method", "qat", "--data", "DATA", "--batch", "500"], "less than one --batch"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(
    case: str, checkpoint: Path, tiny_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, words = BAD[case]
    arguments = [str(tiny_dataset) if word == "DATA" else word for word in make(checkpoint, tmp_path)]
    out = [] if "--out" in arguments else ["--out", str(tmp_path / "fresh" / "q.safetensors")]
    assert main(["quantize", "--checkpoint", str(checkpoint), *arguments, *out]) == 2
    (line,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith("fastscnn-edge: error: ")]
    assert words in line
