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

from fastscnn_edge.run import main
from tests.helpers import random_picture


def test_a_picture(tiny_model: Path, picture: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    arguments = ["--source", str(picture), "--model", str(tiny_model), "--out", str(out), "--threads", "1"]
    assert main([*arguments, "--report", str(out / "report.json"), "--headless"]) == 0
    assert {p.name for p in out.iterdir()} == {"street_overlay.png", "street_mask.png", "report.json", "report.md",
                                              "report.html"}
    with Image.open(out / "street_mask.png") as image:
        assert (image.mode, image.size) == ("P", (120, 90))
    printed = capfd.readouterr()
    assert printed.err == ""
    assert printed.out.startswith("1 frame, ")
    assert "median ms: capture" in printed.out
    assert "peak memory" in printed.out
    data = json.loads((out / "report.json").read_text())
    assert data["frames"] == 1
    assert data["engine"]["threads"] == 1
    assert data["source"] == {"kind": "picture", "name": "street.png", "size": [90, 120], "skipped": 0}
    assert data["memory_after"]["peak_rss"] > data["memory_before_load"]["rss"] / 2
    assert len(data["states"]) >= 2


def test_a_picture_is_repeated_to_measure_it(
    tiny_model: Path, picture: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["--source", str(picture), "--model", str(tiny_model), "--frames", "4"]) == 0
    assert capfd.readouterr().out.startswith("4 frames")


def test_a_folder_with_a_damaged_picture(
    tiny_model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        Image.fromarray(random_picture(40, 50)).save(tmp_path / f"{name}.png")
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
    tiny_model: Path, picture: Path, tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "fastscnn_edge.run", "--source", str(picture), "--model", str(tiny_model)]
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


def test_handlers_are_restored(tiny_model: Path, picture: Path) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    main(["--source", str(picture), "--model", str(tiny_model)])
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_progress_is_for_terminals_and_cleans_up(tiny_model: Path, picture: Path) -> None:
    pty = pytest.importorskip("pty", reason="pseudo-terminals are a Unix feature")
    parent, child = pty.openpty()
    command = [sys.executable, "-m", "fastscnn_edge.run", "--source", str(picture), "--model", str(tiny_model)]
    subprocess.run([*command, "--frames", "2"], stderr=child, stdout=subprocess.DEVNULL, timeout=60, check=True)
    os.close(child)
    shown = os.read(parent, 4096).decode()
    os.close(parent)
    assert "frame 2/2" in shown
    assert shown.endswith("\r\033[K")
