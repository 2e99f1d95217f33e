from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from fastscnn_edge.classes import generic
from fastscnn_edge.commands import evaluate
from fastscnn_edge.commands.evaluate import main
from fastscnn_edge.errors import DatasetError, SourceError
from fastscnn_edge.evaluation.datasets import open_dataset
from fastscnn_edge.evaluation.evaluate import evaluate_predictor
from fastscnn_edge.files import sha256
from fastscnn_edge.reference.checkpoint import load_checkpoint, save_checkpoint
from fastscnn_edge.reference.torch_predictor import torch_predictor
from fastscnn_edge.spec import INT8_NATIVE
from tests.helpers import random_model, tiny


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return _save(tmp_path / "three.safetensors", 3)


def _save(path: Path, classes: int, seed: int = 0) -> Path:
    save_checkpoint(path, random_model("mmseg", classes, seed), generic(classes), INT8_NATIVE, {})
    return path


class _FakeSegmenter:
    """Tells the classes of the tiny dataset apart by color, as a perfect artifact would."""

    def __init__(self, path: Path, threads: int | None) -> None:
        self.spec = SimpleNamespace(classes=generic(3), precision="int8", height=64, width=64)

    def predict(self, rgb: np.ndarray) -> np.ndarray:
        return rgb.argmax(2).astype(np.uint8)


@pytest.fixture
def artifact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("fastscnn_edge.runtime.pipeline.segmenter.Segmenter", _FakeSegmenter)
    (tmp_path / "fake.tflite").write_bytes(b"fake")
    return tmp_path / "fake.tflite"


def test_one_checkpoint(tiny_dataset: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(checkpoint), "--data", str(tiny_dataset), "--threads", "1"]) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert lines[0] == f"{checkpoint}: float checkpoint (mmseg), 2 pictures of val"
    assert [line.split()[0] for line in lines[1:]] == ["red", "green", "blue", "mIoU", "pixel"]
    loaded = load_checkpoint(checkpoint)
    predict = torch_predictor(loaded.model.eval(), loaded.normalization)
    scores = evaluate_predictor(predict, open_dataset(tiny_dataset, "val"))
    assert lines[4].split() == ["mIoU", f"{100 * scores.miou:.2f}"]


def test_pictures_are_scored_at_their_own_size(checkpoint: Path, tiny_dataset: Path) -> None:
    for folder, suffix in (("images", "jpg"), ("labels", "png")):
        path = tiny_dataset / "val" / folder / f"000.{suffix}"
        with Image.open(path) as image:
            image.resize((101, 75), Image.Resampling.NEAREST).save(path)
    assert main([str(checkpoint), "--data", str(tiny_dataset)]) == 0


def test_comparison_and_json(
    tiny_dataset: Path, checkpoint: Path, artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "deep" / "scores.json"
    command = [str(checkpoint), str(artifact), str(checkpoint), "--data", str(tiny_dataset), "--json", str(report)]
    assert main([*command, "--split", "train", "--limit", "3"]) == 0
    printed = capsys.readouterr().out
    assert "fake.tflite: int8 artifact, 64x64, 3 pictures of train" in printed
    content = json.loads(report.read_text())
    assert (content["split"], content["pictures"]) == ("train", 3)
    first, second, third = content["models"]
    assert first == third
    assert first["sha256"] == sha256(checkpoint)
    assert second["sha256"] == sha256(artifact)
    assert second["miou"] > 0.9 > first["miou"]
    assert second["difference_to_first"] == pytest.approx(second["miou"] - first["miou"])
    assert list(second["iou"]) == ["red", "green", "blue"]
    comparison = [line.split() for line in printed.splitlines()[-3:]]
    difference = f"{100 * second['difference_to_first']:+.2f}"
    assert [line[2] for line in comparison] == ["+0.00", difference, "+0.00"]


def test_class_that_never_shows_is_null_in_json(tiny_dataset: Path, artifact: Path, tmp_path: Path) -> None:
    for path in (tiny_dataset / "val" / "labels").iterdir():
        with Image.open(path) as image:
            values = np.array(image)
        values[values == 2] = 255
        Image.fromarray(values).save(path)
        picture = tiny_dataset / "val" / "images" / f"{path.stem}.jpg"
        with Image.open(picture) as image:
            pixels = np.array(image)
        pixels[..., 2] = 0
        Image.fromarray(pixels).save(picture, quality=95)
    assert main([str(artifact), "--data", str(tiny_dataset), "--json", str(tmp_path / "scores.json")]) == 0
    iou = json.loads((tmp_path / "scores.json").read_text())["models"][0]["iou"]
    assert iou["red"] > 0.5
    assert iou["blue"] is None or iou["blue"] == 0


def test_one_picture_is_not_called_pictures(
    tiny_dataset: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(checkpoint), "--data", str(tiny_dataset), "--limit", "1"]) == 0
    assert "1 picture of val" in capsys.readouterr().out


def test_names_in_another_order_are_compared_by_order_and_this_is_said(
    tiny_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bgr.safetensors"
    save_checkpoint(path, random_model("mmseg", 3), generic(3, ("blue", "green", "red")), INT8_NATIVE, {})
    assert main([str(path), "--data", str(tiny_dataset)]) == 0
    assert "calls class 0 'blue' and the dataset 'red'" in capsys.readouterr().err


def test_classes_are_named_by_the_user(
    tiny_dataset: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "names.csv").write_text("name,r,g,b\nrosso,255,0,0\nverde,0,255,0\nblu,0,0,255\n")
    (tiny_dataset / "classes.txt").unlink()
    command = [str(checkpoint), "--data", str(tiny_dataset), "--classes", str(tmp_path / "names.csv")]
    assert main(command) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:4]] == ["rosso", "verde", "blu"]


def _refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main([str(argument) for argument in arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("fastscnn-edge: error: ")
    return printed.err


def test_class_counts_must_agree(
    tiny_dataset: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = _save(tmp_path / "four.safetensors", 4)
    # Before the first is scored, although only the second is wrong.
    message = _refusal(capsys, checkpoint, other, "--data", tiny_dataset)
    assert "four.safetensors has 4 classes, the dataset" in message
    assert "has 3" in message


def test_missing_dataset_and_split(tiny_dataset: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no split 'val'" in _refusal(capsys, checkpoint, "--data", tiny_dataset / "absent")
    assert "no split 'test'" in _refusal(capsys, checkpoint, "--data", tiny_dataset, "--split", "test")


def test_models_that_cannot_be_used(tiny_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, message in (
        ("absent.pth", "no such checkpoint"),
        ("absent.tflite", "no such model"),
        ("absent.onnx", "no such model"),
        ("model.h5", "unknown kind of model; one of: .pth, .pt, .safetensors, .tflite, .onnx"),
    ):
        assert message in _refusal(capsys, tmp_path / name, "--data", tiny_dataset)


def test_json_that_cannot_be_written(tiny_dataset: Path, artifact: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(artifact), "--data", str(tiny_dataset), "--json", str(artifact / "scores.json")]) == 2
    assert "cannot write" in capsys.readouterr().err


def test_the_figures_of_finished_models_survive_the_failure_of_the_next(
    tiny_dataset: Path, artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of hours that ends early, by a signal or an error, has lost only the model in progress."""
    score, calls = evaluate.evaluate_predictor, []

    def twice(*arguments: object) -> object:
        calls.append(1)
        if len(calls) == 3:
            raise SourceError("the disk with the pictures is gone")
        return score(*arguments)

    monkeypatch.setattr(evaluate, "evaluate_predictor", twice)
    models = [str(artifact)] * 3
    assert main([*models, "--data", str(tiny_dataset), "--json", str(tmp_path / "scores.json")]) == 2
    assert len(json.loads((tmp_path / "scores.json").read_text())["models"]) == 2


def test_split_that_is_void_throughout(tiny_dataset: Path) -> None:
    for path in (tiny_dataset / "val" / "labels").iterdir():
        Image.fromarray(np.full((64, 64), 99, np.uint8)).save(path)
    with pytest.raises(DatasetError, match="every label is void"):
        evaluate_predictor(lambda rgb: rgb[..., 0] * 0, open_dataset(tiny_dataset, "val"))


def test_a_real_artifact_is_scored_without_torch(tiny_dataset: Path, tmp_path: Path) -> None:
    pytest.importorskip("flatbuffers", reason="writing a test artifact needs flatbuffers")
    pytest.importorskip("ai_edge_litert", reason="running a .tflite needs ai-edge-litert")
    artifact = tiny.write(tmp_path / "tiny.tflite", tiny.spec(classes=3))
    script = """
import sys
sys.modules["torch"] = None  # whatever imports it fails
from fastscnn_edge.cli.main import main
sys.exit(main(["evaluate", *sys.argv[1:]]))
"""
    command = [sys.executable, "-c", script, str(artifact), "--data", str(tiny_dataset), "--threads", "1"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "tiny.tflite: int8 artifact, 64x96, 2 pictures of val" in done.stdout
    assert "mIoU" in done.stdout
