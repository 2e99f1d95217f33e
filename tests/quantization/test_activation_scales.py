"""Activation scales that travel in a checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from fastscnn_edge.cli.main import main
from fastscnn_edge.errors import CheckpointError
from fastscnn_edge.files import sha256
from fastscnn_edge.quantization.activation_scales import scales_from_plain, scales_to_plain
from fastscnn_edge.quantization.calibration.ranges import observe_ranges
from fastscnn_edge.quantization.calibration.scheme import AFFINE
from fastscnn_edge.quantization.graph.lower import lower
from fastscnn_edge.quantization.ptq.ptq import activation_parameters
from fastscnn_edge.reference.checkpoint import load_checkpoint
from fastscnn_edge.spec import IMAGENET

from ..helpers import random_image, random_model


@pytest.fixture(scope="module")
def graph():
    return lower(random_model("mmseg", 4), IMAGENET, 96, 96)


@pytest.fixture(scope="module")
def parameters(graph):
    return activation_parameters(graph, observe_ranges(graph, [random_image(96, 96)]), AFFINE)


def test_scales_survive_json_to_the_bit(graph, parameters) -> None:
    back = scales_from_plain(json.loads(json.dumps(scales_to_plain(parameters, AFFINE, "test"))), graph, AFFINE)
    assert {n: (q.scale.tobytes(), q.zero_point) for n, q in back.items()} == {
        n: (q.scale.tobytes(), q.zero_point) for n, q in parameters.items()
    }


def test_another_size_takes_what_the_group_shares(parameters) -> None:
    plain = scales_to_plain(parameters, AFFINE, "test")
    for size in ((64, 64), (128, 160)):  # at 64x64 one pyramid level needs no resize
        other = lower(random_model("mmseg", 4), IMAGENET, *size)
        names = {name for name, tensor in other.tensors.items() if tensor.data is None}
        assert set(scales_from_plain(plain, other, AFFINE)) == names


@pytest.mark.parametrize(
    "break_it",
    [
        lambda plain: plain.pop("scheme"),
        lambda plain: plain.update(scheme="symmetric"),
        lambda plain: plain.update(activations=[1]),
        lambda plain: plain["activations"].pop("stem"),
        lambda plain: plain["activations"].update(stem=[-1.0, 0]),
        lambda plain: plain["activations"].update(stem="x"),
        lambda plain: plain["activations"].update(stem=[float("nan"), 0]),
        lambda plain: plain["activations"].update(stem=[float("inf"), 0]),
        lambda plain: plain["activations"].update(stem=[1e39, 0]),
        lambda plain: plain["activations"].update(stem=[1e-39, 0]),
        lambda plain: plain["activations"].update(stem=[0.0, 0]),
        lambda plain: plain["activations"].update(stem=[True, 0]),
        lambda plain: plain["activations"].update(stem=[1.0, 128]),
        lambda plain: plain["activations"].update(stem=[1.0, 0.5]),
        lambda plain: plain["activations"].update(stem=[1.0, 0, 0]),
        lambda plain: plain["activations"].update(stem=[10**400, 0]),
        lambda plain: plain["activations"].update(stem=[1e300, 0]),
        lambda plain: plain["activations"].update(stem=[0.1, float("inf")]),
        lambda plain: plain["activations"].update(stem=[0.1, 10**30]),
        lambda plain: plain["activations"].update(stem=[0.1, 0.5]),
    ],
)
def test_damaged_scales_are_a_checkpoint_error(break_it, graph, parameters) -> None:
    plain = scales_to_plain(parameters, AFFINE, "test")
    break_it(plain)
    with pytest.raises(CheckpointError):
        scales_from_plain(plain, graph, AFFINE)


def test_calibrated_checkpoint_exports_the_same_file_without_pictures(tmp_path: Path) -> None:
    images = tmp_path / "pictures"
    images.mkdir()
    for i in range(2):
        Image.fromarray(random_image(64, 96, i)).save(images / f"{i}.png")
    plain = tmp_path / "plain.pth"
    torch.save(random_model("paper", 5).state_dict(), plain)
    calibrated = tmp_path / "calibrated.safetensors"
    common = ["--calibration", str(images), "--size", "64x96"]
    assert main(["calibrate", "--checkpoint", str(plain), *common, "--out", str(calibrated)]) == 0
    original, written = load_checkpoint(plain), load_checkpoint(calibrated)
    assert written.model.dialect.name == "paper"
    weights = written.model.state_dict()
    assert all(torch.equal(value, weights[key]) for key, value in original.model.state_dict().items())
    one, two = tmp_path / "one.tflite", tmp_path / "two.tflite"
    assert main(["export", "--checkpoint", str(calibrated), *common, "--recipe", "plain", "--out", str(one)]) == 0
    assert main(["export", "--checkpoint", str(calibrated), "--size", "64x96", "--out", str(two)]) == 0
    assert sha256(one) == sha256(two)


def test_calibrate_refuses_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.safetensors"
    arguments = ["--checkpoint", str(tmp_path / "absent.pth"), "--calibration", str(tmp_path), "--out", str(out)]
    assert main(["calibrate", *arguments]) == 2
    assert main(["calibrate", *arguments[:-1], str(tmp_path / "out.bin")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2
    assert not out.exists()
