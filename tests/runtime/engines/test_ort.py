"""Running an .onnx through the runtime: same answers as the .tflite, clear words for what cannot run."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image

from fastscnn_edge import Segmenter
from fastscnn_edge.cli.main import main
from fastscnn_edge.errors import ModelFileError
from fastscnn_edge.runtime.engines import ort as ort_engine
from fastscnn_edge.runtime.engines.onnx_file import SPEC, seal
from fastscnn_edge.runtime.engines.open import open_engine
from tests.helpers import random_image, random_model

SIZE = (64, 96)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Artifacts of one random network: m.tflite, m.onnx, fp32.onnx and others, and pictures/."""
    folder = tmp_path_factory.mktemp("onnx")
    torch.save(random_model("mmseg", 5).state_dict(), folder / "plain.pth")
    (folder / "pictures").mkdir()
    for i in range(2):
        Image.fromarray(random_image(*SIZE, i)).save(folder / "pictures" / f"{i}.png")
    for name, words in {
        "m.tflite": "",
        "m.onnx": "",
        "s8.onnx": "--target ort-arm64",
        "trt.onnx": "--target tensorrt",
        "fp32.onnx": "--precision fp32",
        "fp32.tflite": "--precision fp32",
        "fp16.onnx": "--precision fp16",
        "pixels.onnx": "--input pixels",
        "argmax.onnx": "--head argmax",
    }.items():
        arguments = [
            "--checkpoint",
            folder / "plain.pth",
            "--calibration",
            folder / "pictures",
            "--size",
            "64x96",
            "--out",
            folder / name,
            *words.split(),
        ]
        assert main(["export", *map(str, arguments)]) == 0
    return folder


@pytest.mark.parametrize(
    ("name", "reference", "agreement"),
    [
        ("m.onnx", "m.tflite", 0.9),
        ("s8.onnx", "m.tflite", 0.9),
        ("fp32.onnx", "fp32.tflite", 0.999),
        ("fp16.onnx", "fp32.tflite", 0.98),
        ("trt.onnx", "fp32.tflite", 0.7),
    ],
)
def test_masks_are_those_of_the_tflite(name: str, reference: str, agreement: float, folder: Path) -> None:
    image = random_image(100, 140, 3)  # resized on the way in, interpolated on the way out
    classes, expected = (Segmenter(folder / file, 1).predict(image) for file in (name, reference))
    assert classes.shape == (100, 140)
    assert (classes == expected).mean() >= agreement


def test_int8_logits_are_the_integers_of_the_graph(folder: Path) -> None:
    onnx_engine, tflite_engine = (open_engine(folder / name, 1) for name in ("m.onnx", "m.tflite"))
    assert onnx_engine.output_quantization == pytest.approx(tflite_engine.output_quantization)
    onnx_engine.input_view()[...] = 200
    onnx_engine.invoke()
    logits = onnx_engine.logits()
    assert (logits.dtype, logits.shape) == (np.int8, (8, 12, 5))
    scale, zero_point = onnx_engine.output_quantization
    np.testing.assert_allclose(
        (logits - float(zero_point)) * scale, onnx_engine._logits[0].transpose(1, 2, 0), atol=1e-4
    )


def test_the_report_says_what_runs_where(folder: Path, tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    assert (
        main(["run", "--model", str(folder / "m.onnx"), "--source", str(folder / "pictures"), "--report", str(report)])
        == 0
    )
    engine = json.loads(report.read_text())["engine"]
    assert engine["name"] == "onnxruntime"
    assert engine["providers"] == {"CPUExecutionProvider": "all nodes"}
    assert "onnxruntime" in json.loads(report.read_text())["versions"]


@pytest.mark.parametrize(("name", "message"), [("pixels.onnx", "--input uint8"), ("argmax.onnx", "--head logits")])
def test_files_for_others_are_refused_with_the_remedy(name: str, message: str, folder: Path) -> None:
    with pytest.raises(ModelFileError, match=message):
        open_engine(folder / name)


def test_a_description_that_contradicts_the_graph_is_refused(folder: Path, tmp_path: Path) -> None:
    model = onnx.load(folder / "m.onnx")
    spec = open_engine(folder / "m.onnx").spec
    for entry in model.metadata_props:
        if entry.key == SPEC:
            entry.value = replace(spec, height=128).to_json()
        elif entry.key == "sha256":
            entry.value = "0" * 64
    path = tmp_path / "liar.onnx"
    path.write_bytes(seal(model.SerializeToString()))
    with pytest.raises(ModelFileError, match="description says 128x96"):
        open_engine(path)


def test_what_onnx_runtime_refuses_is_one_line(folder: Path, tmp_path: Path) -> None:
    model = onnx.load(folder / "m.onnx")
    model.graph.node[0].op_type = "NoSuchOperator"
    for entry in model.metadata_props:
        if entry.key == "sha256":
            entry.value = "0" * 64
    path = tmp_path / "odd.onnx"
    path.write_bytes(seal(model.SerializeToString()))
    with pytest.raises(ModelFileError, match="refuses it") as caught:
        open_engine(path)
    assert "\n" not in str(caught.value)


def test_what_onnx_runtime_refuses_only_while_it_runs_is_one_line(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = onnx.load(folder / "fp32.onnx")
    depthwise = next(node for node in model.graph.node if any(a.name == "group" and a.i > 1 for a in node.attribute))
    next(a for a in depthwise.attribute if a.name == "group").i = 3
    blank = next(entry for entry in model.metadata_props if entry.key == "sha256")
    blank.value = "0" * 64
    (tmp_path / "m.onnx").write_bytes(seal(model.SerializeToString()))
    engine = open_engine(tmp_path / "m.onnx", 1)
    with pytest.raises(ModelFileError, match=r"m\.onnx: ONNX Runtime cannot run it") as refused:
        engine.invoke()
    assert "\n" not in str(refused.value)
    assert capfd.readouterr().err == ""


def test_logits_finer_than_the_picture_are_no_mask(folder: Path, tmp_path: Path) -> None:
    model = onnx.load(folder / "fp32.onnx")
    last = [node for node in model.graph.node if node.op_type == "Conv"][-1]
    pads = next((a for a in last.attribute if a.name == "pads"), None) or last.attribute.add()
    pads.CopyFrom(onnx.helper.make_attribute("pads", [60, 60, 60, 60]))
    next(entry for entry in model.metadata_props if entry.key == "sha256").value = "0" * 64
    (tmp_path / "m.onnx").write_bytes(seal(model.SerializeToString()))
    with pytest.raises(ModelFileError, match="no grid of 64x96 pixels"):
        open_engine(tmp_path / "m.onnx", 1).invoke()


@pytest.fixture
def gpu_machine(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A machine with TensorRT, played by a module that then runs on the CPU; ``absent``: libraries it has not."""
    machine = SimpleNamespace(asked=[], levels=[], absent=set())

    class Session(onnxruntime.InferenceSession):
        def __init__(self, path, options, providers):
            machine.asked.append(providers)
            machine.levels.append(options.graph_optimization_level)
            super().__init__(path, options, providers=["CPUExecutionProvider"])

        def get_providers(self):
            return [name for name, _ in machine.asked[-1] if name not in machine.absent]

    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    monkeypatch.setattr(
        onnxruntime,
        "get_available_providers",
        lambda: ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"],
    )
    return machine


def test_providers_are_asked_for_in_order_and_engines_kept(folder: Path, gpu_machine: SimpleNamespace) -> None:
    engine = ort_engine.OrtEngine(folder / "trt.onnx", 1)
    (asked,) = gpu_machine.asked
    assert [name for name, _ in asked] == onnxruntime.get_available_providers()
    cache = Path(asked[0][1]["trt_engine_cache_path"])
    assert cache.is_dir() and cache.parent == folder / "trt.engines"
    assert engine.details["engine_cache"] == str(cache)
    assert "providers_unavailable" not in engine.details


def test_tensorrt_gets_the_graph_as_it_was_written(folder: Path, gpu_machine: SimpleNamespace) -> None:
    levels = onnxruntime.GraphOptimizationLevel
    ort_engine.OrtEngine(folder / "trt.onnx", 1)
    ort_engine.OrtEngine(folder / "m.onnx", 1)  # zero points: CUDA and CPU alone
    assert gpu_machine.levels == [levels.ORT_DISABLE_ALL, levels.ORT_ENABLE_ALL]


def test_why_the_graph_is_kept(folder: Path, tmp_path: Path) -> None:
    """ONNX Runtime's basic rewrites, which run before any provider sees the graph, quantize biases."""

    def errors(level) -> int:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = level
        options.optimized_model_filepath = str(tmp_path / f"{level}.onnx")
        onnxruntime.InferenceSession(str(folder / "trt.onnx"), options, providers=["CPUExecutionProvider"])
        report = tmp_path / f"{level}.json"
        main(["lint", options.optimized_model_filepath, "--json", str(report)])
        return report.read_text().count('"error"')

    levels = onnxruntime.GraphOptimizationLevel
    assert errors(levels.ORT_ENABLE_BASIC) > errors(levels.ORT_DISABLE_ALL)


def test_a_provider_whose_libraries_are_absent_is_named(folder: Path, gpu_machine: SimpleNamespace) -> None:
    gpu_machine.absent = {"TensorrtExecutionProvider"}
    engine = ort_engine.OrtEngine(folder / "trt.onnx", 1)
    assert engine.details["providers_unavailable"] == ["TensorrtExecutionProvider"]
    assert [name for name, _ in gpu_machine.asked[-1]] == ["CUDAExecutionProvider", "CPUExecutionProvider"]
    assert gpu_machine.levels[-1] == onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL


def test_an_onnx_runs_without_onnx_torch_or_tflite(folder: Path) -> None:
    script = f"""
import sys
for name in ("onnx", "torch", "tensorflow", "ai_edge_litert", "tflite_runtime", "tqdm", "flatbuffers", "safetensors"):
    sys.modules[name] = None
from fastscnn_edge.cli.main import main
sys.exit(main(["run", "--model", {str(folder / "m.onnx")!r}, "--source", {str(folder / "pictures")!r}]))
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
