"""``fastscnn-edge export`` from the outside."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from PIL import Image

from fastscnn_edge import Segmenter
from fastscnn_edge.cli.main import main
from fastscnn_edge.files import sha256
from fastscnn_edge.runtime.engines.onnx_file import read_onnx
from fastscnn_edge.runtime.engines.tflite_file import read_spec
from tests.helpers import random_image, random_model

SIZE = "64x96"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "plain.pth"
    torch.save(random_model("mmseg", 5).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for i in range(3):
        Image.fromarray(random_image(70, 90, i)).save(folder / f"{i}.png")
    return folder


def export(*arguments: object) -> int:
    return main(["export", *map(str, arguments)])


@pytest.mark.parametrize("precision", ["int8", "fp32", "fp16", "dynamic"])
def test_writes_a_described_file(
    precision: str, checkpoint: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "model.tflite"
    assert (
        export(
            "--checkpoint",
            checkpoint,
            "--precision",
            precision,
            "--size",
            SIZE,
            "--calibration",
            images,
            "--out",
            out,
        )
        == 0
    )
    spec = read_spec(out)
    assert (spec.height, spec.width, spec.precision, len(spec.classes)) == (64, 96, precision, 5)
    assert spec.checkpoint_sha256 == sha256(checkpoint)
    assert spec.scheme == ("affine" if precision == "int8" else "float")
    assert not spec.align_corners
    printed = capsys.readouterr().out
    assert "operators" in printed and "same class" in printed and "MB" in printed
    assert list(out.parent.iterdir()) == [out]


def test_float_export_needs_no_pictures(checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.tflite"
    assert export("--checkpoint", checkpoint, "--precision", "fp32", "--size", SIZE, "--out", out) == 0


def test_same_input_same_file(checkpoint: Path, images: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert (
            export(
                "--checkpoint",
                checkpoint,
                "--size",
                SIZE,
                "--calibration",
                images,
                "--out",
                tmp_path / f"{name}.tflite",
            )
            == 0
        )
    assert sha256(tmp_path / "a.tflite") == sha256(tmp_path / "b.tflite")


def _description(path: Path) -> str:
    return schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0).description.decode()


def test_named_layers_stay_out_of_int8_and_the_file_still_runs(
    checkpoint: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "m.tflite"
    assert (
        export(
            "--checkpoint",
            checkpoint,
            "--size",
            SIZE,
            "--calibration",
            images,
            "--out",
            out,
            "--keep-float",
            "pyramid/branch?",
            "--keep-float",
            "fusion/higher",
            "logits",
            "--int16-activations",
            "stem",
        )
        == 0
    )
    branches = ", ".join(f"pyramid/branch{bins}" for bins in (1, 2, 3, 6))
    layers = f"float: {branches}, fusion/higher, logits; int16: stem"
    assert f"not int8    {layers}\n" in capsys.readouterr().out
    assert _description(out).endswith(f"; {layers}")
    assert read_spec(out).precision == "int8"
    image = random_image(70, 90)
    assert Segmenter(out).predict(image).shape == image.shape[:2]


def test_a_quantized_file_can_keep_layers_too(checkpoint: Path, images: Path, tmp_path: Path) -> None:
    middle, out = tmp_path / "int8.safetensors", tmp_path / "m.tflite"
    assert (
        main(
            [
                "quantize",
                "--method",
                "ptq",
                "--recipe",
                "fast",
                "--checkpoint",
                str(checkpoint),
                "--size",
                SIZE,
                "--calibration",
                str(images),
                "--out",
                str(middle),
            ]
        )
        == 0
    )
    assert export("--checkpoint", middle, "--out", out, "--keep-float", "fusion/*") == 0
    assert _description(out).endswith("; float: fusion/depthwise, fusion/lower, fusion/higher")


def _blocked(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("")
    return tmp_path / "file" / "m.tflite"


BAD = {
    "no checkpoint": (lambda c, p, t: ("--checkpoint", t / "absent.pth", "--calibration", p), "no such checkpoint"),
    "not a checkpoint": (lambda c, p, t: ("--checkpoint", next(p.glob("*")), "--calibration", p), "checkpoint"),
    "no calibration": (lambda c, p, t: ("--checkpoint", c), "needs --calibration"),
    "absent calibration": (lambda c, p, t: ("--checkpoint", c, "--calibration", t / "absent"), "no such calibration"),
    "empty calibration": (lambda c, p, t: ("--checkpoint", c, "--calibration", t), "contains no pictures"),
    "wrong suffix": (lambda c, p, t: ("--checkpoint", c, "--calibration", p, "--out", t / "m.bin"), ".tflite"),
    "format and suffix": (
        lambda c, p, t: ("--checkpoint", c, "--calibration", p, "--format", "tflite", "--out", t / "m.onnx"),
        "should end in .tflite",
    ),
    "onnx option for tflite": (
        lambda c, p, t: ("--checkpoint", c, "--calibration", p, "--head", "argmax", "--out", t / "m.tflite"),
        "for .onnx files",
    ),
    "dynamic precision for onnx": (
        lambda c, p, t: ("--checkpoint", c, "--precision", "dynamic", "--out", t / "m.onnx"),
        "int8, fp32 or fp16",
    ),
    "small dynamic size": (
        lambda c, p, t: ("--checkpoint", c, "--precision", "fp32", "--dynamic", "all", "--out", t / "m.onnx"),
        "at least 224x224",
    ),
    "unknown layer": (
        lambda c, p, t: ("--checkpoint", c, "--calibration", p, "--keep-float", "fusion/hihger"),
        "near it: fusion/higher",
    ),
    "no convolution": (
        lambda c, p, t: ("--checkpoint", c, "--calibration", p, "--int16-activations", "fusion/add"),
        "is no convolution",
    ),
    "float and int16": (
        lambda c, p, t: ("--checkpoint", c, "--calibration", p, "--keep-float", "stem", "--int16-activations", "s*"),
        "both float and int16",
    ),
    "layers of a float file": (
        lambda c, p, t: ("--checkpoint", c, "--precision", "fp32", "--keep-float", "stem"),
        "are for --precision int8",
    ),
    "int16 for onnx": (
        lambda c, p, t: ("--checkpoint", c, "--calibration", p, "--int16-activations", "stem", "--out", t / "m.onnx"),
        "are for .tflite files",
    ),
    "unwritable": (lambda c, p, t: ("--checkpoint", c, "--calibration", p, "--out", _blocked(t)), "cannot write"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_status_2(
    case: str, checkpoint: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, words = BAD[case]
    arguments = make(checkpoint, images, tmp_path)
    if "--out" not in arguments:
        arguments = (*arguments, "--out", tmp_path / "m.tflite")
    assert export("--size", SIZE, *arguments) == 2
    error = capsys.readouterr().err.splitlines()
    assert [line for line in error if line.startswith("fastscnn-edge: error: ") and words in line]
    assert not any("Traceback" in line for line in error)
    if case != "unwritable":  # where the work has gone on
        assert not [line for line in error if "warning" in line]
    assert not list(tmp_path.glob("**/*.tflite*"))


def test_a_corrupt_calibration_picture_is_named(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    assert (
        export("--checkpoint", checkpoint, "--size", SIZE, "--calibration", tmp_path, "--out", tmp_path / "m.tflite")
        == 2
    )
    assert "bad.jpg" in capsys.readouterr().err


@pytest.mark.parametrize("size", ["10x10", "64", "axb", "64x99999"])
def test_size_is_checked(size: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        export("--checkpoint", "c.pth", "--out", "m.tflite", "--size", size)
    assert stop.value.code == 2
    assert f"'{size}'" in capsys.readouterr().err


@pytest.mark.parametrize("precision", ["int8", "fp32", "fp16"])
def test_writes_a_described_onnx(
    precision: str, checkpoint: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "model.onnx"
    assert (
        export(
            "--checkpoint",
            checkpoint,
            "--precision",
            precision,
            "--size",
            SIZE,
            "--calibration",
            images,
            "--out",
            out,
        )
        == 0
    )
    spec, logits = read_onnx(out)
    assert (spec.height, spec.width, spec.precision, len(spec.classes), spec.head) == (64, 96, precision, 5, "logits")
    assert (logits is None) == (precision != "int8")
    printed = capsys.readouterr().out
    assert "operators" in printed and "same class" in printed
    assert ("45 of 45 convolutions run in integers" in printed) == (precision == "int8")
    assert list(out.parent.iterdir()) == [out]


def test_target_decides_the_scheme(
    checkpoint: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--checkpoint", checkpoint, "--size", SIZE, "--calibration", images)
    for target, scheme in (("tensorrt", "symmetric"), ("ort-arm64", "affine"), ("ort-x86", "affine")):
        out = tmp_path / f"{target}.onnx"
        assert export(*words, "--target", target, "--out", out) == 0
        assert read_onnx(out)[0].scheme == scheme
    affine = tmp_path / "affine.safetensors"
    assert main(["quantize", *map(str, words), "--recipe", "fast", "--out", str(affine)]) == 0
    assert export("--checkpoint", affine, "--target", "tensorrt", "--out", tmp_path / "no.onnx") == 2
    assert "quantize --scheme symmetric" in capsys.readouterr().err
    assert not (tmp_path / "no.onnx").exists()


def test_symmetric_weights_default_to_tensorrt(checkpoint: Path, images: Path, tmp_path: Path) -> None:
    symmetric = tmp_path / "symmetric.safetensors"
    assert (
        main(
            [
                "quantize",
                "--checkpoint",
                str(checkpoint),
                "--size",
                SIZE,
                "--calibration",
                str(images),
                "--recipe",
                "fast",
                "--scheme",
                "symmetric",
                "--out",
                str(symmetric),
            ]
        )
        == 0
    )
    default, named = tmp_path / "a.onnx", tmp_path / "b.onnx"
    assert export("--checkpoint", symmetric, "--out", default) == 0
    assert export("--checkpoint", symmetric, "--target", "tensorrt", "--out", named) == 0
    assert sha256(default) == sha256(named)
    assert export("--checkpoint", symmetric, "--out", tmp_path / "c.tflite") == 0
    assert read_spec(tmp_path / "c.tflite").scheme == "symmetric"
