"""``fastscnn-edge bench`` from the outside."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

from fastscnn_edge.commands import bench as bench_command
from fastscnn_edge.commands.bench import main
from fastscnn_edge.commands.report import main as report_main
from fastscnn_edge.files import sha256


class _Page(HTMLParser):
    """Tags that need something from outside, and those left open."""

    def __init__(self) -> None:
        super().__init__()
        self.outside: list[str] = []
        self.open: list[str] = []
        self.svgs = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.svgs += tag == "svg"
        self.outside += [f"{tag} {name}" for name, _ in attrs if name in ("src", "href")]
        self.outside += ["script"] * (tag == "script")
        if tag not in ("meta", "line", "rect", "path", "polyline", "circle", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        return None

    def handle_endtag(self, tag: str) -> None:
        if tag != "rect":
            assert self.open.pop() == tag


def bench(model: Path, folder: Path, *more: str) -> dict:
    report = folder / "r.json"
    assert main(["--model", str(model), "--threads", "1", "--report", str(report), *more]) == 0
    return json.loads(report.read_text())


def test_a_benchmark_keeps_everything(tiny_model: Path, tmp_path: Path) -> None:
    data = bench(tiny_model, tmp_path, "--frames", "50")
    assert data["schema"] == "fastscnn_edge.report/1"
    assert data["kind"] == "bench"
    assert data["frames"] == 50 == len(data["samples_ns"]["latency"])
    assert set(data["samples_ns"]) == {"preprocess", "invoke", "mask", "total", "latency"}
    assert all(
        latency >= total
        for latency, total in zip(data["samples_ns"]["latency"], data["samples_ns"]["total"], strict=True)
    )
    assert data["stages_ms"]["latency"]["max"] == max(data["samples_ns"]["latency"]) / 1e6
    assert data["rules"]["min_frames"] == 50 and data["rules"]["scenario"] == "single-stream"
    assert data["first_inference_ns"] == data["warm_up_ns"][0]
    assert len(data["warm_up_ns"]) >= 32 or not data["rules"]["stable"]
    source = data["source"]
    assert (source["kind"], source["name"], source["size"], source["skipped"]) == ("synthetic", "street", [64, 96], 0)
    assert data["watcher"]["cpu_s"] > 0 and len(data["watcher"]["rss"]) == len(data["watcher"]["seconds"])
    assert data["memory_peak"]["rss"] >= max(data["watcher"]["rss"])
    assert data["memory_peak"]["pss"] <= data["memory_peak"]["rss"]
    assert data["model"]["sha256"] == sha256(tiny_model)
    assert data["throttle"] in ("clean", "throttled", "unknown")
    assert data["profile"] is None


def test_the_page_needs_nothing_else(tiny_model: Path, tmp_path: Path) -> None:
    bench(tiny_model, tmp_path, "--frames", "30", "--profile")
    text = (tmp_path / "r.html").read_text()
    page = _Page()
    page.feed(text)
    assert page.outside == [] and page.open == []
    assert "http" not in text and "@import" not in text and "url(" not in text
    assert page.svgs >= 4  # latency, histogram, stages, memory
    assert "Unavailable" in text  # a .tflite has no profile
    assert "prefers-color-scheme: dark" in text
    assert report_main([str(tmp_path / "r.json"), "--out", str(tmp_path / "again.html")]) == 0
    assert (tmp_path / "again.html").read_text() == text


def test_pictures_keep_their_size(tiny_model: Path, image: Path, tmp_path: Path) -> None:
    data = bench(tiny_model, tmp_path, "--frames", "3", "--source", str(image))
    source = data["source"]
    assert (source["kind"], source["name"], source["size"]) == ("decoded", "street.png", [90, 120])


def test_seconds_and_frames_are_both_least(tiny_model: Path, tmp_path: Path) -> None:
    data = bench(tiny_model, tmp_path, "--seconds", "0.3", "--frames", "5")
    assert sum(data["samples_ns"]["total"]) <= 1e9 * 3
    assert data["frames"] >= 5
    assert data["frames"] / data["frames_per_second"] >= 0.3


def test_miou_is_that_of_the_very_file(tiny_model: Path, tmp_path: Path) -> None:
    entry = {"model": "other-name.tflite", "sha256": sha256(tiny_model), "miou": 0.6183}
    scores = tmp_path / "scores.json"
    scores.write_text(json.dumps({"data": "d/camvid", "split": "val", "pictures": 101, "models": [entry]}))
    data = bench(tiny_model, tmp_path, "--frames", "2", "--scores", str(scores))
    assert data["accuracy"] == {"miou": 0.6183, "data": "camvid", "split": "val", "pictures": 101}
    assert "mIoU of this file: 61.83 %" in (tmp_path / "r.md").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--quick", "--frames", "3"], "--quick chooses"),
        (["--source", "x.png", "--frame-size", "64x64"], "--frame-size is only for drawn"),
        (["--report", "x.txt"], "must end in .json"),
        (["--scores", "absent.json"], "cannot read"),
        (["--memory-limit", "10M"], "no input size would fit"),
        (["--source", "absent.png"], "no such picture"),
    ],
)
def test_what_cannot_work_is_one_line(
    tiny_model: Path, words: list[str], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["--model", str(tiny_model), *words]) == 2
    printed = capfd.readouterr().err
    assert message in printed and printed.count("\n") == 1


def test_ctrl_c_keeps_what_was_measured(tiny_model: Path, tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    command = [
        sys.executable,
        "-u",
        "-m",
        "fastscnn_edge",
        "bench",
        "--model",
        str(tiny_model),
        "--frames",
        "100000000",
    ]
    with subprocess.Popen(
        [*command, "--report", str(report)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        time.sleep(4)  # past loading and, mostly, the warm-up; before that it must stop as well
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert "stopped by SIGINT" in printed
    data = json.loads(report.read_text())
    assert data["stopped_by"] == "SIGINT"
    assert len(data["samples_ns"]["latency"]) == data["frames"]


def test_a_failure_in_the_middle_leaves_the_report(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measure = bench_command.measure_frames

    def failing(*arguments: object) -> None:
        measure(*arguments)
        raise MemoryError

    monkeypatch.setattr(bench_command, "measure_frames", failing)
    report = tmp_path / "r.json"
    assert main(["--model", str(tiny_model), "--threads", "1", "--frames", "20", "--report", str(report)]) == 2
    data = json.loads(report.read_text())
    assert (data["frames"], data["stopped_by"]) == (20, "MemoryError")
    printed = capsys.readouterr()
    assert "not enough memory" in printed.err and f"report: {report}" in printed.out
