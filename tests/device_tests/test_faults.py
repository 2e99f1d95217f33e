"""The fault run itself, short: a run comes through it here, and it would notice a loss."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from device_tests.fault_disk import Disk
from device_tests.fault_run import Verdict, judge_recovery, judge_report, judge_table
from device_tests.faults import growth

FAULTS = Path(__file__).parents[2] / "device_tests/faults.py"


@pytest.mark.slow
def test_a_live_run_comes_through_every_fault(tiny_model: Path) -> None:
    words = ["--minutes", "0.4", "--seed", "4", "--pace", "0.03", "--model", str(tiny_model)]
    done = subprocess.run([sys.executable, FAULTS, *words], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "wrong:" not in done.stdout + done.stderr
    assert done.stdout.startswith("| how the run ended | runs |") and "peak" in done.stdout


def test_examples_stand_in_the_help() -> None:
    done = subprocess.run([sys.executable, FAULTS, "--help"], capture_output=True, text=True, timeout=60, check=True)
    assert "python device_tests/faults.py --minutes 60 --seed 1" in done.stdout


HEAD = "frame,captured,latency_ms,road\n"


def table(folder: Path, name: str, *rows: str) -> Disk:
    (folder / name).write_text(HEAD + "".join(f"{row},now,1,0.5\n" for row in rows))
    return Disk(folder)


def judged(ending: str, disk: Disk, *names: str) -> Verdict:
    verdict = Verdict(ending)
    judge_table(verdict, disk, names)
    return verdict


def test_a_whole_table_is_right(tmp_path: Path) -> None:
    verdict = judged("SIGTERM", table(tmp_path, "a.csv", "f1", "f2"), "f1", "f2")
    assert (verdict.rows, verdict.lost, verdict.wrong) == (2, 0, [])


def test_losses_are_noticed(tmp_path: Path) -> None:
    disk = table(tmp_path, "a.csv", "f1")
    assert judged("SIGTERM", disk, "f1", "f2").wrong == ["1 frames whose lines arrived have no row"]
    assert judged("SIGKILL", disk).wrong == ["a.csv.part is missing"]
    table(tmp_path, "a.csv.part", "f1")
    assert judged("SIGKILL", disk, "f1", "f2").wrong == []  # it was in progress
    assert judged("SIGKILL", disk, "f1", "f2", "f3").wrong == ["2 frames whose lines arrived have no row"]
    assert judged("SIGTERM", disk, "f1").wrong == ["a.csv.part was left"]
    with (tmp_path / "a.csv.part").open("a") as part:
        part.write("f2,now")
    assert "a.csv.part has half a row" in judged("SIGKILL", disk, "f1").wrong


def test_a_missing_report_is_noticed(tmp_path: Path) -> None:
    verdict = Verdict("SIGTERM")
    judge_report(verdict, Disk(tmp_path), "")
    assert verdict.wrong == ["no valid report; standard error: "]


def test_a_lost_recovery_is_noticed(tmp_path: Path) -> None:
    said = "warning: a.csv.part was left by a run that died; its records are now in a.csv.recovered-1\n"
    killed = Verdict("SIGKILL", rows=2)
    assert judge_recovery(Disk(tmp_path), killed, said) == ["of 2 rows [] were recovered after: SIGKILL"]
    assert judge_recovery(table(tmp_path, "a.csv.recovered-1", "f1", "f2"), killed, said) == []
    assert not list(tmp_path.iterdir())
    silent = judge_recovery(table(tmp_path, "a.csv.recovered-1", "f1", "f2"), killed, "")
    assert silent == ["no line about what was recovered: "]


def test_growth_is_that_of_the_longest_run() -> None:
    flat = Verdict("SIGTERM", rss=[(float(n), 100) for n in range(50)])
    growing = Verdict("SIGTERM", rss=[(float(n), 100 + n) for n in range(100)])
    assert (growth([flat]), growth([growing, flat])) == (0, 70)
