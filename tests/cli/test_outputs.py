"""Where finished frames go, from the outside of ``fastscnn-edge run``."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from PIL import Image

from fastscnn_edge.commands.run import main
from fastscnn_edge.errors import OutputError
from fastscnn_edge.files.growing import GrowingFile
from fastscnn_edge.runtime.frames import SegmentedFrame
from fastscnn_edge.runtime.sinks.running_stats import RunningStats
from fastscnn_edge.runtime.web.view import WebView
from tests.helpers import random_image


def command(tiny_model: Path, source: Path, *options: str) -> list[str]:
    return ["--source", str(source), "--model", str(tiny_model), "--threads", "1", *options]


def test_lines_take_standard_output_and_the_summary_goes_aside(tiny_model, video, tmp_path, capfd) -> None:
    table = tmp_path / "areas.csv"
    assert main(command(tiny_model, video, "--headless", "--lines", "--csv", str(table))) == 0
    printed = capfd.readouterr()
    records = [json.loads(line) for line in printed.out.splitlines()]
    assert [r["frame"] for r in records] == [f"frame_{n:06d}" for n in range(1, 6)]
    assert all(sum(r["shares"].values()) == pytest.approx(1, abs=1e-4) for r in records)
    assert printed.err.startswith("5 frames, ")
    assert f"table: {table}" in printed.err
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [float(row["road"]) for row in rows] == [r["shares"]["road"] for r in records]


def test_a_reader_that_has_enough_ends_the_run_quietly(tiny_model, image, tmp_path) -> None:
    run = [sys.executable, "-m", "fastscnn_edge", "run"]
    run += command(tiny_model, image, "--frames", "100000", "--lines", "--csv", str(tmp_path / "a.csv"))
    with subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        json.loads(process.stdout.readline())
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0
    assert len((tmp_path / "a.csv").read_text().splitlines()) > 1


def test_lines_table_page_and_report_state_one_latency(tiny_model, video, tmp_path, monkeypatch, capfd) -> None:
    """From capture to class map, however long the outputs before and after take."""
    shown = []

    def slow(self: object, result: SegmentedFrame) -> None:
        shown.append(round(result.latency * 1e3, 3))
        time.sleep(0.05)

    monkeypatch.setattr("fastscnn_edge.runtime.sinks.result_files.ResultFiles.write", slow)
    page = []
    seen = RunningStats.latency
    monkeypatch.setattr(WebView, "finish", lambda self: page.append(seen(self._status.stats)))
    table, report = tmp_path / "areas.csv", tmp_path / "r.json"
    options = ["--headless", "--lines", "--csv", str(table), "--out", str(tmp_path / "out"), "--report", str(report)]
    assert main(command(tiny_model, video, *options, "--serve", "127.0.0.1:0")) == 0
    lines = [json.loads(line)["latency_ms"] for line in capfd.readouterr().out.splitlines()]
    samples = [round(ns / 1e6, 3) for ns in json.loads(report.read_text())["samples_ns"]["latency"]]
    rows = [float(row["latency_ms"]) for row in csv.DictReader(table.read_text().splitlines())]
    assert len(lines) == 5
    assert lines == rows == shown == pytest.approx(samples, abs=0.0011)
    assert page == [pytest.approx(statistics.median(lines), abs=0.001)]


def test_a_table_that_fails_on_closing_leaves_the_report_and_no_table(
    tiny_model, video, tmp_path, monkeypatch, capfd
) -> None:
    """The disk filled up before the last rows were written (tests/runtime/sinks/test_records.py fills it for real)."""

    def full(self: GrowingFile) -> None:
        self.abandon()
        raise OutputError("cannot write areas.csv: No space left on device")

    monkeypatch.setattr(GrowingFile, "publish", full)
    table, report = tmp_path / "areas.csv", tmp_path / "r.json"
    assert main(command(tiny_model, video, "--headless", "--csv", str(table), "--report", str(report))) == 2
    printed = capfd.readouterr()
    assert printed.err == "fastscnn-edge: error: cannot write areas.csv: No space left on device\n"
    assert "table:" not in printed.out
    assert json.loads(report.read_text())["frames"] == 5
    assert "No space left on device" in json.loads(report.read_text())["stopped_by"]
    assert [p.name for p in tmp_path.iterdir() if "areas" in p.name] == ["areas.csv.part"]


@pytest.mark.parametrize("options", [["--lines"], []], ids=["lines", "summary"])
def test_a_full_standard_output_is_one_line_and_status_2(tiny_model, image, options) -> None:
    run = [sys.executable, "-m", "fastscnn_edge", "run", *command(tiny_model, image, "--headless", *options)]
    with open("/dev/full", "w") as full:
        done = subprocess.run(run, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "No space left on device" in done.stderr


def test_a_closed_pipe_still_leaves_the_report(tiny_model, image, tmp_path) -> None:
    run = [sys.executable, "-m", "fastscnn_edge", "run"]
    run += command(tiny_model, image, "--frames", "100000", "--lines", "--report", str(tmp_path / "r.json"))
    with subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["frames"] >= 1
    assert report["stopped_by"] == "the reader of --lines closed the pipe"


def test_events_as_json(tiny_model, tmp_path, capfd) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.fromarray(random_image(40, 50)).save(folder / "a.png")
    (folder / "b.png").write_bytes(b"damaged")
    assert main(command(tiny_model, folder, "--log-json")) == 0
    printed = capfd.readouterr()
    events = [json.loads(line) for line in printed.err.splitlines()]
    assert [event["level"] for event in events] == ["state", "warning", "state"]
    assert "skipped a picture" in events[1]["message"]
    assert events[2]["frames"] == 1
    assert printed.out.startswith("1 frame, ")
    assert main(command(tiny_model, tmp_path / "absent.png", "--log-json")) == 2
    assert json.loads(capfd.readouterr().err)["level"] == "error"


def test_a_page_during_the_run_and_all_files_after_ctrl_c(tiny_model, image, tmp_path) -> None:
    run = [sys.executable, "-m", "fastscnn_edge", "run"]
    run += command(tiny_model, image, "--serve", "127.0.0.1:0", "--csv", str(tmp_path / "a.csv"))
    run += ["--report", str(tmp_path / "r.json")]
    with subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        told = process.stderr.readline()
        match = re.fullmatch(r"fastscnn-edge: live at (http://127\.0\.0\.1:\d+/) \(Ctrl-C ends\)\n", told)
        assert match
        frame = None
        deadline = time.monotonic() + 30
        while frame is None and time.monotonic() < deadline:
            status = json.load(urllib.request.urlopen(match[1] + "status", timeout=30))
            frame = status["frame"] if status["finished"] else None
        assert frame == "street"
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    assert printed.startswith("1 frame, ")
    assert json.loads((tmp_path / "r.json").read_text())["stopped_by"] is None  # it was held, all frames were done
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 2


def test_an_overlay_video(tiny_model, video, tmp_path, capfd) -> None:
    av = pytest.importorskip("av", reason="reading the video needs av")
    assert main(command(tiny_model, video, "--headless", "--video", str(tmp_path / "o.mp4"))) == 0
    with av.open(str(tmp_path / "o.mp4")) as container:
        times = [float(frame.time) for frame in container.decode(video=0)]
    assert times == pytest.approx([0, 0.1, 0.2, 0.3, 0.4], abs=1e-3)  # the source's own
    assert "video: " in capfd.readouterr().out


def test_no_window_by_default_where_there_is_none_to_be_had(tiny_model, video, monkeypatch, capfd) -> None:
    monkeypatch.setenv("DISPLAY", ":987654")
    assert main(command(tiny_model, video, "--frames", "1")) == 0
    assert capfd.readouterr().err.startswith("fastscnn-edge: warning: no window: ")
    assert main(command(tiny_model, video, "--frames", "1", "--headless")) == 0
    assert capfd.readouterr().err == ""
    assert main(command(tiny_model, video, "--frames", "1", "--window")) == 2
    assert capfd.readouterr().err.startswith("fastscnn-edge: error: ")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--video", "o.avi"], "--video o.avi must end in .mp4"),
        (["--csv", "o.txt"], "--csv o.txt must end in .csv"),
        (["--csv", "folder.csv"], "it is a folder"),
        (["--serve", "192.0.2.1:8080"], "cannot serve at 192.0.2.1:8080"),
    ],
)
def test_what_cannot_be(tiny_model, image, tmp_path, monkeypatch, capfd, options, says) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkdir("folder.csv")
    assert main(command(tiny_model, image, *options)) == 2
    error = capfd.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert {p.name for p in tmp_path.iterdir()} == {"folder.csv", "street.png"}


def test_the_source_is_never_overwritten(tiny_model, video, capfd) -> None:
    before = video.read_bytes()
    assert main(command(tiny_model, video, "--video", str(video))) == 2
    assert "it is what is read" in capfd.readouterr().err
    assert video.read_bytes() == before


@pytest.mark.parametrize("options", [["--serve", "8080"], ["--window", "--headless"]])
def test_options_that_argparse_refuses(tiny_model, image, options, capfd) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(command(tiny_model, image, *options))
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--serve-name", "board.example.org"], "--serve-name goes with --serve"),
        (["--serve", "--serve-name", "http://board"], "'http://board' is not a host name"),
        (["--lines", "a.csv"], "--lines a.csv must end in .jsonl"),
    ],
)
def test_output_options_that_make_no_sense(tiny_model, image, options, words, capsys) -> None:
    try:
        status = main(command(tiny_model, image, *options))
    except SystemExit as stop:  # argparse
        status = int(str(stop.code))
    printed = capsys.readouterr().err
    assert (status, printed.count("\n"), words in printed) == (2, 1, True), printed
