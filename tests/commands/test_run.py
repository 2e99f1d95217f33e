"""``fastscnn-edge run`` from the outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastscnn_edge.cli import inputs as input_options
from fastscnn_edge.commands import run
from fastscnn_edge.commands.run import main
from fastscnn_edge.errors import OutputError
from fastscnn_edge.runtime.cameras.reconnect import Reconnecting
from fastscnn_edge.runtime.cameras.v4l2.camera import V4L2Camera
from fastscnn_edge.runtime.cameras.v4l2.modes import ModeRequest
from fastscnn_edge.runtime.pipeline.footprint import Kind, Workload
from fastscnn_edge.testing.v4l2 import Fault
from tests.helpers import random_image
from tests.helpers.cameras import webcam


def test_a_picture(tiny_model: Path, image: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    arguments = ["--source", str(image), "--model", str(tiny_model), "--out", str(out), "--threads", "1"]
    assert main([*arguments, "--report", str(out / "report.json"), "--headless"]) == 0
    assert {p.name for p in out.iterdir()} == {
        "street_overlay.png",
        "street_mask.png",
        "report.json",
        "report.md",
        "report.html",
    }
    with Image.open(out / "street_mask.png") as mask:
        assert (mask.mode, mask.size) == ("P", (120, 90))
    printed = capfd.readouterr()
    assert printed.err == ""
    assert printed.out.startswith("1 frame, ")
    assert "median ms: capture" in printed.out
    assert "peak memory" in printed.out
    data = json.loads((out / "report.json").read_text())
    assert data["frames"] == 1
    assert data["engine"]["threads"] == 1
    known = {"kind": "picture", "name": "street.png", "size": [90, 120], "skipped": 0}
    assert data["source"] == {**known, "dropped": 0, "mode": None, "gaps": [], "outages": 0, "away": 0.0}
    assert data["memory_after"]["peak_rss"] > data["memory_before_load"]["rss"] / 2
    assert len(data["states"]) >= 2


def test_classes_are_named_by_the_user(
    tiny_model: Path, image: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    names = tmp_path / "names.txt"
    names.write_text("".join(f"thing {i}, {i}, 0, 255\n" for i in range(11)))
    table = tmp_path / "shares.csv"
    arguments = ["--source", str(image), "--model", str(tiny_model), "--csv", str(table), "--classes", str(names)]
    assert main([*arguments, "--out", str(tmp_path)]) == 0
    assert table.read_text().splitlines()[0].endswith("thing 9,thing 10")
    with Image.open(tmp_path / "street_mask.png") as mask:
        assert mask.getpalette()[:33] == [value for i in range(11) for value in (i, 0, 255)]
    names.write_text("a\nb\n")
    assert main(arguments) == 2
    assert "--classes names 2 classes, and the model has 11" in capfd.readouterr().err


def test_a_picture_is_repeated_to_measure_it(tiny_model: Path, image: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--source", str(image), "--model", str(tiny_model), "--frames", "4"]) == 0
    assert capfd.readouterr().out.startswith("4 frames")


def test_a_folder_with_a_damaged_picture(tiny_model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        Image.fromarray(random_image(40, 50)).save(tmp_path / f"{name}.png")
    (tmp_path / "c.png").write_bytes(b"damaged")
    out = tmp_path / "out"
    assert main(["--source", str(tmp_path), "--model", str(tiny_model), "--out", str(out)]) == 0
    assert len(list(out.iterdir())) == 4
    printed = capfd.readouterr()
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("fastscnn-edge: warning: skipped")
    assert "1 damaged and skipped" in printed.out


def test_a_video(tiny_model: Path, video: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["--source", str(video), "--model", str(tiny_model), "--frames", "3", "--out", str(out)]) == 0
    names = [f"frame_{n:06d}_{kind}" for n in (1, 2, 3) for kind in ("mask.png", "overlay.jpg")]
    assert sorted(p.name for p in out.iterdir()) == names
    with Image.open(out / names[0]) as image:
        assert np.asarray(image).shape == (64, 96)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_with_its_report(
    tiny_model: Path, image: Path, tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "fastscnn_edge", "run", "--source", str(image), "--model", str(tiny_model)]
    command += ["--frames", "10000000", "--report", str(tmp_path / "r.json"), "--out", str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 30
        while not (out / "street_mask.png").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(number)
        printed, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    assert f"stopped by {number.name}" in printed
    data = json.loads((tmp_path / "r.json").read_text())
    assert data["stopped_by"] == number.name
    assert 0 < data["frames"] == len(data["samples_ns"]["invoke"])


def test_handlers_are_restored(tiny_model: Path, image: Path) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    main(["--source", str(image), "--model", str(tiny_model)])
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_progress_is_for_terminals_and_cleans_up(tiny_model: Path, image: Path) -> None:
    pty = pytest.importorskip("pty", reason="pseudo-terminals are a Unix feature")
    parent, child = pty.openpty()
    command = [sys.executable, "-m", "fastscnn_edge", "run", "--source", str(image), "--model", str(tiny_model)]
    subprocess.run([*command, "--frames", "2"], stderr=child, stdout=subprocess.DEVNULL, timeout=60, check=True)
    os.close(child)
    shown = os.read(parent, 4096).decode()
    os.close(parent)
    assert "frame 2/2" in shown
    assert shown.endswith("\r\033[K")


def test_a_file_played_as_a_camera(
    tiny_model: Path, video: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "r.json"
    assert main(["--camera", f"file:{video}", "--model", str(tiny_model), "--report", str(report)]) == 0
    printed = capfd.readouterr()
    assert printed.err == ""
    assert "latency from capture to class map: median" in printed.out
    data = json.loads(report.read_text())
    assert data["source"]["kind"] == "camera"
    assert data["source"]["mode"] == "a video, played"
    assert data["frames"] + data["dropped"]["for_newer"] == 5
    assert len(data["samples_ns"]["latency"]) == data["frames"]


def test_the_estimate_knows_what_runs(
    tiny_model: Path, image: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Workload] = []
    monkeypatch.setattr(run, "check_limit", lambda _limit, _model, work: seen.append(work()))
    common = ["--model", str(tiny_model), "--memory-limit", "1G"]
    for source in (["--source", str(image)], ["--source", str(image), "--frames", "2"], ["--camera", f"file:{video}"]):
        assert main([*source, *common]) == 0
    assert [work.kind for work in seen] == [Kind.PICTURE, Kind.FOLDER, Kind.CAMERA]


def test_a_camera_that_is_lost_leaves_its_report(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    fake = webcam(faults={6: Fault.UNPLUGGED}, away=600, pace=0.05)
    (tmp_path / "video0").touch()
    opened = V4L2Camera(tmp_path / "video0", ModeRequest(minimum_size=(64, 48)), open_device=fake.open)
    monkeypatch.setattr(
        input_options,
        "open_camera",
        lambda _address, _request, wait, _warn, waiting: Reconnecting(opened, wait, waiting=waiting),
    )
    report = tmp_path / "r.json"
    arguments = ["--camera", "0", "--model", str(tiny_model), "--report", str(report), "--reconnect", "0.4"]
    assert main(arguments) == 2
    printed = capfd.readouterr()
    data = json.loads(report.read_text())
    assert data["frames"] >= 1
    assert data["stopped_by"].startswith("CameraLostError: the camera did not come back within 0.4 s")
    assert data["source"]["gaps"][0]["seconds"] > 0.4
    assert "camera away 1 time" in printed.out
    assert [line.split(":")[1].strip() for line in printed.err.splitlines()] == ["warning", "error"]
    assert "No camera for" in report.with_suffix(".md").read_text()


def test_an_output_that_fails_leaves_the_report(
    tiny_model: Path, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    calls: list[int] = []

    def write(self: object, result: object) -> None:
        calls.append(1)
        if len(calls) > 3:
            raise OutputError("cannot write: No space left on device")

    monkeypatch.setattr("fastscnn_edge.cli.outputs.ResultFiles.write", write)
    report = tmp_path / "r.json"
    arguments = ["--source", str(image), "--frames", "50", "--model", str(tiny_model), "--report", str(report)]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 2
    assert capfd.readouterr().err == "fastscnn-edge: error: cannot write: No space left on device\n"
    assert json.loads(report.read_text())["frames"] >= 3


def test_a_signal_ends_a_camera_with_its_report(tiny_model: Path, tmp_path: Path) -> None:
    """Of a camera that gives one frame in ten seconds: the wait for the next one is no obstacle."""
    for name in ("a", "b"):
        Image.fromarray(random_image(40, 50)).save(tmp_path / f"{name}.png")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "fastscnn_edge", "run", "--camera", f"file:{tmp_path}", "--camera-fps", "0.1"]
    command += ["--model", str(tiny_model), "--out", str(out), "--report", str(tmp_path / "r.json")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not (out / "a_mask.png").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert "1 frame, stopped by SIGINT" in printed
    assert json.loads((tmp_path / "r.json").read_text())["frames"] == 1


def test_a_signal_is_heard_while_the_network_warms_up(image: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fastscnn_edge", "run", "--source", str(image)]  # the bundled model warms up long
    command += ["--headless", "--warmup", "100000", "--report", str(tmp_path / "r.json")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 30
        while ".tflite" not in Path(f"/proc/{process.pid}/maps").read_text() and time.monotonic() < deadline:
            time.sleep(0.05)  # until the model is mapped, which is when warming up begins
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    report = json.loads((tmp_path / "r.json").read_text())
    assert (report["stopped_by"], report["frames"]) == ("SIGTERM", 0)


def test_a_model_that_is_deleted_meanwhile_leaves_the_report(
    tiny_model: Path, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An update replaces it, or its stick is pulled: what ran is known from the start."""
    model = tmp_path / "model.tflite"
    model.write_bytes(tiny_model.read_bytes())
    monkeypatch.setattr(run.Outputs, "hold", lambda *_: model.unlink())
    assert main(["--source", str(image), "--model", str(model), "--report", str(tmp_path / "r.json")]) == 0
    assert json.loads((tmp_path / "r.json").read_text())["model"]["bytes"] == tiny_model.stat().st_size


def test_outputs_that_fail_in_unforeseen_ways_leave_the_report(
    tiny_model: Path, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the window's library")

    monkeypatch.setattr(run.Outputs, "hold", fail)
    monkeypatch.setattr("fastscnn_edge.cli.outputs.ResultFiles.close", fail)
    out = ["--out", str(tmp_path / "out"), "--report", str(tmp_path / "r.json"), "--csv", str(tmp_path / "a.csv")]
    assert main(["--source", str(image), "--model", str(tiny_model), *out]) == 2
    assert "the window's library" in capsys.readouterr().err
    assert json.loads((tmp_path / "r.json").read_text())["frames"] == 1
    assert (tmp_path / "a.csv").read_text().count("\n") == 2


def test_file_names_in_the_summary_cannot_control_the_terminal(
    tiny_model: Path, image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "a\n\x1b[31mb.csv"
    assert main(["--source", str(image), "--model", str(tiny_model), "--csv", str(table)]) == 0
    summary = capsys.readouterr().out
    assert "\x1b" not in summary
    (line,) = (line for line in summary.splitlines() if line.startswith("table: "))
    assert line.endswith(r"a \x1b[31mb.csv")
