"""Quantization-aware training: what it learns, resumes and exports."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import torch

from fastscnn_edge.cli.main import main
from fastscnn_edge.errors import UsageError
from fastscnn_edge.evaluation.datasets import open_dataset
from fastscnn_edge.files import sha256
from fastscnn_edge.quantization.calibration.scheme import SCHEMES
from fastscnn_edge.quantization.graph.lower import lower
from fastscnn_edge.quantization.ptq.recipes import TRAINING_START, apply
from fastscnn_edge.quantization.qat import qat
from fastscnn_edge.quantization.qat.qat import QatConfig, divergence, train_qat
from fastscnn_edge.quantization.quantized_file import load_quantized
from fastscnn_edge.reference.checkpoint import load_checkpoint, save_checkpoint
from fastscnn_edge.spec import INT8_NATIVE
from tests.helpers import random_image, random_model
from tests.helpers.live_runs import start, wait_until


def test_divergence_is_zero_for_equal_logits_and_positive_otherwise() -> None:
    a, b = torch.randn(2, 4, 3, 3), torch.randn(2, 4, 3, 3)
    assert float(divergence(a, a)) == pytest.approx(0, abs=1e-6)
    assert float(divergence(a, b)) > 0


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
        loaded, start, scheme, train_set, val_set, tmp_path / "run/a.qat.pt", config, workers=0, evaluate_every=2
    )
    assert outcome.graph is not None
    assert outcome.graph.is_quantized
    assert (outcome.epoch, outcome.interrupted) == (6, False)
    state = torch.load(tmp_path / "run" / "a.qat.pt", weights_only=True)
    assert state["epoch"] == 6
    assert {t.quantization.zero_point for t in outcome.graph.tensors.values()} == {0}


class Killed(BaseException):
    """What a power cut is to a program."""


def trained(checkpoint: Path, dataset: Path, state: Path, *, resume: bool) -> tuple[float, dict[str, bytes]]:
    loaded = load_checkpoint(checkpoint)
    graph = lower(loaded.model, loaded.normalization, 64, 64)
    train_set, val_set = open_dataset(dataset, "train"), open_dataset(dataset, "val")
    start = apply(TRAINING_START, graph, [random_image(64, 64)], SCHEMES["affine"])
    config = QatConfig(epochs=2, batch=2, rate=1e-3, ema=0.5)
    outcome = train_qat(
        loaded,
        start,
        SCHEMES["affine"],
        train_set,
        val_set,
        state,
        config,
        resume=resume,
        workers=0,
        evaluate_every=1,
    )
    assert outcome.graph is not None
    weights = {t.name: t.data.tobytes() for t in outcome.graph.tensors.values() if t.data is not None}
    return outcome.miou, weights


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_run_killed_at_any_phase_boundary_ends_as_if_it_had_not_been(
    checkpoint: Path, tiny_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """The state is written after the start's evaluation, and after each epoch and evaluation: five times here."""
    whole = trained(checkpoint, tiny_dataset, tmp_path / "whole.qat.pt", resume=False)
    write = qat.write_state
    for kill in range(1, 6):
        written = 0

        def write_and_die(path: Path, state: dict[str, object], kill: int = kill) -> None:
            nonlocal written
            written += 1
            if written == kill and moment == "before":
                raise Killed
            write(path, state)
            if written == kill:
                raise Killed

        state = tmp_path / f"{kill}.qat.pt"
        monkeypatch.setattr(qat, "write_state", write_and_die)
        with pytest.raises(Killed):
            trained(checkpoint, tiny_dataset, state, resume=False)
        monkeypatch.setattr(qat, "write_state", write)
        assert trained(checkpoint, tiny_dataset, state, resume=state.exists()) == whole, f"killed {moment} write {kill}"


def test_a_command_repeated_by_mistake_does_not_overwrite_hours_of_training(
    checkpoint: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    trained(checkpoint, tiny_dataset, tmp_path / "a.qat.pt", resume=False)
    before = (tmp_path / "a.qat.pt").read_bytes()
    with pytest.raises(UsageError, match=r"a\.qat\.pt holds a run of the same name: go on with --resume"):
        trained(checkpoint, tiny_dataset, tmp_path / "a.qat.pt", resume=False)
    assert (tmp_path / "a.qat.pt").read_bytes() == before


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


@pytest.mark.parametrize(
    "options",
    [["--method", "ptq", "--calibration", "absent"], ["--method", "qat", "--data", "absent"]],
    ids=["ptq", "qat"],
)
def test_an_error_comes_without_warnings_about_the_checkpoint(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(random_model("mmseg", 5).state_dict(), tmp_path / "unnamed.pth")
    command = ["quantize", "--checkpoint", str(tmp_path / "unnamed.pth"), "--out", str(tmp_path / "q.safetensors")]
    assert main([*command, *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "absent" in line


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_whole_group_stops_cleanly_and_qat_resumes(
    checkpoint: Path, tiny_dataset: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """As systemd, Slurm, timeout and a closed terminal send it: to the process and to its workers."""
    out = tmp_path / "int8.safetensors"
    words = ["quantize", "--checkpoint", str(checkpoint), "--method", "qat", "--data", str(tiny_dataset)]
    words += ["--batch", "2", "--threads", "1", "--workers", "2", "--calibration-count", "2", "--out", str(out)]
    with start([sys.executable, "-m", "fastscnn_edge", *words, "--epochs", "5000"]) as process:
        wait_until(out.with_suffix(qat.STATE_SUFFIX).exists, process)
        time.sleep(1)
        os.killpg(process.pid, number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert errors.endswith("fastscnn-edge: stopped; go on with the same command and --resume\n")
    epoch = torch.load(out.with_suffix(qat.STATE_SUFFIX), weights_only=True)["epoch"]
    assert main([*words, "--epochs", str(epoch + 1), "--resume"]) == 0
    assert torch.load(out.with_suffix(qat.STATE_SUFFIX), weights_only=True)["epoch"] == epoch + 1
