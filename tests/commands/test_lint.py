"""``fastscnn-edge lint`` from the outside, on our models and on onnxruntime's."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from fastscnn_edge.cli.main import main
from tests.helpers.qdq_models import Builder, add_pair, clean, replace_constant


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    onnx.save(clean(), path)
    return path


def lint(*arguments: object) -> int:
    return main(["lint", *map(str, arguments)])


def test_a_clean_model(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lint(model) == 0
    assert capsys.readouterr().out == "0 errors, 0 warnings; 4 of 4 convolutions and matrix products quantized\n"


def test_errors_are_status_1_and_one_line_each(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = onnx.load(model)
    add_pair(broken, "a", 0)
    replace_constant(broken, "b_zero", np.int8(3))
    onnx.save(broken, model)
    assert lint(model) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("error   conv-relu  a_node: ")
    assert lines[1].startswith("error   zero-point  b_q_node: ")
    assert lines[2].startswith("2 errors, 0 warnings; ")


@pytest.mark.parametrize(("arguments", "status"), [((), 0), (("--strict",), 1)])
def test_warnings_count_only_when_strict(
    model: Path, arguments: tuple[str, ...], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    warned = onnx.load(model)
    replace_constant(warned, "d_scale", np.float32(0.07))
    onnx.save(warned, model)
    assert lint(model, *arguments) == status
    assert "warning resize  d_node: " in capsys.readouterr().out


def test_json(model: Path, tmp_path: Path) -> None:
    broken = onnx.load(model)
    replace_constant(broken, "b_zero", np.int8(3))
    onnx.save(broken, model)
    assert lint(model, "--json", tmp_path / "new" / "findings.json") == 1
    report = json.loads((tmp_path / "new" / "findings.json").read_text())
    assert report["model"] == str(model) and report["quantized"] == report["weighted"] == 4
    assert [(f["rule"], f["severity"], f["node"]) for f in report["findings"]] == [("zero-point", "error", "b_q_node")]
    assert "zero point 3" in report["findings"][0]["message"]


def test_a_float_model_is_said_to_be_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    b = Builder()
    b.node("Relu", ["image"], "out")
    onnx.save(b.model({"image": [1, 4, 8, 8]}, "out", [1, 4, 8, 8]), tmp_path / "float.onnx")
    assert lint(tmp_path / "float.onnx") == 0
    assert capsys.readouterr().out == "not a QDQ model: nothing to check\n"


def _bad(name: str, folder: Path) -> Path:
    path = folder / name
    if name == "a folder":
        path.mkdir()
    elif name == "text.onnx":
        path.write_text("no model\n" * 50)
    elif name == "empty.onnx":
        path.write_bytes(b"")
    elif name == "cut.onnx":
        path.write_bytes(clean().SerializeToString()[:1000])
    return path


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("absent.onnx", "no such model"),
        ("a folder", "is a folder"),
        ("text.onnx", "not an ONNX file"),
        ("empty.onnx", "not an ONNX file"),
        ("cut.onnx", "not an ONNX file"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    name: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lint(_bad(name, tmp_path)) == 2
    error = capsys.readouterr().err.splitlines()
    assert len(error) == 1 and error[0].startswith("fastscnn-edge: error: ") and words in error[0]


def test_tensors_in_another_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Read where that file is there; where it is absent, what can be checked is, and the rest is admitted."""
    broken = clean()
    add_pair(broken, "a", 0)
    replace_constant(broken, "body_w_scale", np.array([0.01, 0, 0.01, 0.01], np.float32))
    onnx.save(broken, tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
    assert lint(tmp_path / "m.onnx") == 1
    out = capsys.readouterr().out
    assert "scale  body_w_dq_node" in out and "note" not in out
    (tmp_path / "m.data").unlink()
    assert lint(tmp_path / "m.onnx") == 1
    out = capsys.readouterr().out
    assert "conv-relu  a_node" in out and "body_w_dq_node" not in out and "were not checked" in out


class _Pictures(CalibrationDataReader):
    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.batches: Iterator[dict[str, np.ndarray]] = iter(
            [{"image": rng.normal(0, 1, (1, 3, 16, 16)).astype(np.float32)} for _ in range(3)]
        )

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.batches, None)


def _float_network(path: Path) -> None:
    """conv, ReLU, conv, residual addition, ReLU, global average pool, Gemm."""
    rng = np.random.default_rng(1)
    b = Builder()
    for name, shape in {"w1": (4, 3, 3, 3), "w2": (4, 4, 3, 3), "w3": (5, 4)}.items():
        b.constant(name, rng.normal(0, 0.3, shape).astype(np.float32))
        b.constant(f"{name}_b", rng.normal(0, 0.1, shape[0]).astype(np.float32))
    first = b.node("Relu", [b.node("Conv", ["image", "w1", "w1_b"], "conv1", pads=[1] * 4)], "relu1")
    second = b.node("Conv", [first, "w2", "w2_b"], "conv2", pads=[1] * 4)
    added = b.node("Relu", [b.node("Add", [second, first], "sum")], "relu2")
    vector = b.node("Flatten", [b.node("GlobalAveragePool", [added], "pooled")], "vector")
    b.node("Gemm", [vector, "w3", "w3_b"], "scores", transB=1)
    onnx.save(b.model({"image": [1, 3, 16, 16]}, "scores", [1, 5]), path)


def _found(folder: Path, capsys: pytest.CaptureFixture[str], **options: object) -> tuple[int, Counter[str]]:
    """(exit status, findings by rule) of onnxruntime's quantization of a small network."""
    _float_network(folder / "float.onnx")
    quantize_static(folder / "float.onnx", folder / "int8.onnx", _Pictures(), **options)
    status = lint(folder / "int8.onnx", "--json", folder / "found.json")
    capsys.readouterr()
    return status, Counter(f["rule"] for f in json.loads((folder / "found.json").read_text())["findings"])


def test_onnxruntime_as_it_comes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """uint8-free but asymmetric, weights per tensor, biases int32: all three are named."""
    status, found = _found(
        tmp_path, capsys, quant_format=QuantFormat.QDQ, activation_type=QuantType.QInt8, weight_type=QuantType.QInt8
    )
    assert status == 1
    assert found["bias"] == 3 and found["zero-point"] > 0 and found["weight-axis"] > 0


def test_onnxruntime_uint8(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, found = _found(
        tmp_path,
        capsys,
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
    )
    assert found["zero-point"] >= 4 and not found["weight-axis"]


def test_onnxruntime_symmetric_for_tensorrt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Asked for what TensorRT wants, it leaves no errors; it always quantizes both inputs of an addition."""
    symmetric: dict[str, object] = {"ActivationSymmetric": True, "WeightSymmetric": True, "QuantizeBias": False}
    status, found = _found(
        tmp_path,
        capsys,
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        extra_options=symmetric,
    )
    assert (status, dict(found)) == (1, {"conv-relu": 2, "conv-add": 1})
    symmetric["OpTypesToExcludeOutputQuantization"] = ["Conv", "Add"]
    status, found = _found(
        tmp_path,
        capsys,
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        extra_options=symmetric,
    )
    assert (status, dict(found)) == (0, {"conv-add": 1})


def test_onnxruntime_q_operators(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, found = _found(
        tmp_path,
        capsys,
        quant_format=QuantFormat.QOperator,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
    )
    assert status == 1 and found["q-operator"] >= 4


def test_a_scale_may_be_a_float16(model: Path) -> None:
    half = onnx.load(model)
    tensor = next(t for t in half.graph.initializer if t.name == "a_scale")
    tensor.CopyFrom(numpy_helper.from_array(np.float16(0.05), "a_scale"))
    onnx.save(half, model)
    assert lint(model) == 0
