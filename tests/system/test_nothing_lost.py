"""Whatever ends a run, its report is written, and its records are whole."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import pty
import resource
import signal
import subprocess
import termios
import time
from pathlib import Path

import pytest

from tests.helpers.live_runs import (
    command,
    hear_hangups,
    needs_private_mounts,
    report,
    rows,
    seen_by,
    start,
    wait_until,
    with_small_disk,
)


def test_a_closed_terminal_ends_the_run_with_its_report(tiny_model: Path, image: Path, tmp_path: Path) -> None:
    """An ssh session that breaks: SIGHUP, and every write to the terminal fails from then on."""
    parent, child = pty.openpty()
    words = command(image, tiny_model, "--report", tmp_path / "r.json", "--csv", tmp_path / "a.csv")
    streams = {"stdin": child, "stdout": child, "stderr": child}

    def take_terminal() -> None:
        hear_hangups()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = start(words, **streams, preexec_fn=take_terminal)
    os.close(child)
    wait_until(lambda: rows(tmp_path / "a.csv.part") > 5, process)
    os.close(parent)  # the kernel sends SIGHUP
    assert process.wait(30) == 0
    data = report(tmp_path / "r.json")
    assert data["stopped_by"] == "SIGHUP"
    assert rows(tmp_path / "a.csv") == data["frames"] + 1


def test_nohup_outlives_its_terminal(tiny_model: Path, image: Path, tmp_path: Path) -> None:
    words = command(image, tiny_model, "--report", tmp_path / "r.json", "--csv", tmp_path / "a.csv")
    process = start(["nohup", *words], stdin=subprocess.DEVNULL)
    wait_until(lambda: rows(tmp_path / "a.csv.part") > 5, process)
    process.send_signal(signal.SIGHUP)
    before = rows(tmp_path / "a.csv.part")
    wait_until(lambda: rows(tmp_path / "a.csv.part") > before + 20, process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert (process.returncode, report(tmp_path / "r.json")["stopped_by"]) == (0, "SIGTERM")


SLOW_END = """
import sys, time
from fastscnn_edge.cli import reports
from fastscnn_edge.commands import run
write = reports.write_report
def slowly(*arguments):
    print("closing", flush=True)
    time.sleep(3)
    return write(*arguments)
run.write_report = slowly
sys.exit(run.main(sys.argv[1:]))
"""


def closing(tiny_model: Path, image: Path, tmp_path: Path) -> subprocess.Popen[str]:
    """A run that takes three seconds to write its report, and is at it."""
    words = command(image, tiny_model, "--report", tmp_path / "r.json", "--csv", tmp_path / "a.csv")
    process = start([words[0], "-c", SLOW_END, *words[4:]])
    wait_until(lambda: rows(tmp_path / "a.csv.part") > 5, process)
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None and process.stdout.readline() == "closing\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_second_signal_while_it_closes_does_not_cost_the_report(
    tiny_model: Path, image: Path, tmp_path: Path, number: signal.Signals
) -> None:
    process = closing(tiny_model, image, tmp_path)
    process.send_signal(number)
    time.sleep(0.1)
    for _ in range(3):
        process.send_signal(signal.SIGTERM)  # impatient, or timeout and systemd together
        time.sleep(0.1)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, report(tmp_path / "r.json")["stopped_by"]) == (0, "SIGINT")
    said = "stopping: writing r.json and a.csv first; a third Ctrl-C ends at once and loses that"
    assert errors == f"fastscnn-edge: {said}\n"  # once


def test_a_third_ctrl_c_ends_at_once(tiny_model: Path, image: Path, tmp_path: Path) -> None:
    process = closing(tiny_model, image, tmp_path)
    began = time.monotonic()
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
    process.communicate(timeout=30)
    assert process.returncode == 130 and time.monotonic() - began < 2
    assert not (tmp_path / "r.json").exists()


def test_a_killed_run_s_records_are_recovered_by_the_next(tiny_model: Path, image: Path, tmp_path: Path) -> None:
    records = ["--csv", tmp_path / "a.csv", "--lines", tmp_path / "l.jsonl"]
    words = command(image, tiny_model, *records, "--report", tmp_path / "r.json", "--out", tmp_path)
    process = start(words)
    wait_until(lambda: rows(tmp_path / "a.csv.part") > 50, process)
    process.kill()
    process.communicate()
    told = rows(tmp_path / "a.csv.part"), rows(tmp_path / "l.jsonl.part")
    left = {p.name for p in tmp_path.iterdir()}
    assert not {"a.csv", "l.jsonl", "r.json"} & left and any(name.endswith(".unfinished") for name in left)
    again = command(image, tiny_model, *records, "--out", tmp_path)
    again[again.index("--frames") + 1] = "2"
    done = subprocess.run(again, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr.count("was left by a run that died; its records are now in") == 2 == done.stderr.count("\n")
    (table,) = tmp_path.glob("a.csv.recovered-*")
    (lines,) = tmp_path.glob("l.jsonl.recovered-*")
    head, *found = csv.reader(table.read_text().splitlines())
    assert all(len(row) == len(head) for row in found)
    assert all(json.loads(line)["shares"] for line in lines.read_text().splitlines())
    assert (rows(table), rows(lines)) == told
    assert rows(tmp_path / "a.csv") == 3
    assert not [p.name for p in tmp_path.iterdir() if p.name.endswith((".unfinished", ".part"))]


def fill(folder: Path) -> None:
    """Take every block of the disk."""
    with (folder / "fill").open("wb", buffering=0) as stream:
        for size in (1 << 16, 1 << 12):
            try:
                while stream.write(bytes(size)):
                    pass
            except OSError:
                continue


def test_the_report_has_its_space_on_a_disk_that_fills_up(tiny_model: Path, image: Path, tmp_path: Path) -> None:
    needs_private_mounts()
    (tmp_path / "disk").mkdir()
    disk = tmp_path / "disk"
    words = command(image, tiny_model, "--report", disk / "r.json", "--csv", disk / "a.csv")
    with start(with_small_disk(words, disk, "8m")) as process:
        inside = seen_by(process, disk)
        wait_until(lambda: rows(inside / "a.csv.part") > 5, process)
        held = os.open(inside, os.O_RDONLY)  # outlives the process
        fill(inside)
        _, errors = process.communicate(timeout=60)
    inside = Path(f"/proc/self/fd/{held}")
    data = report(inside / "r.json")
    assert process.returncode == 2
    assert data["stopped_by"].startswith("OutputError: cannot write") and data["frames"] > 5
    assert errors.count("\n") == 1 and "No space left on device; what was written before is in" in errors
    kept = (inside / "a.csv.part").read_text()
    assert kept.endswith("\n") and len({line.count(",") for line in kept.splitlines()}) == 1
    os.close(held)


def test_a_report_that_cannot_be_written_goes_to_standard_error(tiny_model: Path, image: Path, tmp_path: Path) -> None:
    words = command(image, tiny_model, "--report", tmp_path / "r.json", "--csv", tmp_path / "a.csv")
    with start(words) as process:
        wait_until(lambda: rows(tmp_path / "a.csv.part") > 5, process)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))  # no write succeeds any more
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    text, *last = errors.rstrip("\n").rsplit("\n", 2)
    data = json.loads(text)
    assert data["frames"] > 5 and data["stopped_by"] == last[0].removeprefix("fastscnn-edge: error: ")
    assert "a.csv: File too large" in last[0] and "r.json: File too large" in last[1]
    assert [p.name for p in tmp_path.iterdir() if p != image] == ["a.csv.part"]
