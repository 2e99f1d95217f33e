"""Growing files survive the death of their process, the disk's end and the loss of power."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fastscnn_edge.errors import OutputError
from fastscnn_edge.files import growing
from fastscnn_edge.files.growing import GrowingFile

ENDLESS = """
import sys, time
from pathlib import Path
from fastscnn_edge.files.growing import GrowingFile
file = GrowingFile(Path(sys.argv[1]), print)
for number in range(10**9):
    file.write(f"{number}\\n")
    print(number, flush=True)
    time.sleep(0.001)
"""


def nothing_to_say(message: str) -> None:
    raise AssertionError(message)


def start(destination: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", ENDLESS, str(destination)], stdout=subprocess.PIPE, text=True)


def test_a_dead_process_s_records_are_recovered(tmp_path: Path) -> None:
    """SIGKILL stands for the power cut: no line of Python runs after it."""
    destination = tmp_path / "a.csv"
    with start(destination) as process:
        assert process.stdout is not None
        for _ in range(50):
            process.stdout.readline()
        process.kill()
        told = 49 + sum(1 for _ in process.stdout)
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv.part"]
    said: list[str] = []
    file = GrowingFile(destination, said.append)
    file.write("new\n")
    file.publish()
    recovered = next(tmp_path.glob("a.csv.recovered-*"))
    assert re.fullmatch(r"a\.csv\.recovered-\d{8}T\d{6}Z", recovered.name)
    assert said == [f"{destination}.part was left by a run that died; its records are now in {recovered}"]
    lines = recovered.read_text().splitlines()
    assert lines == [str(number) for number in range(len(lines))] and len(lines) >= told
    assert destination.read_text() == "new\n"
    assert len(list(tmp_path.iterdir())) == 2


def test_two_dead_processes_of_one_second_leave_two_files(tmp_path: Path) -> None:
    said: list[str] = []
    for text in ("first", "second", ""):
        file = GrowingFile(tmp_path / "a", said.append)
        file.write(text)
        os.utime(tmp_path / "a.part", (10**9, 10**9))
        file.abandon()
    found = {p.name: p.read_text() for p in tmp_path.iterdir()}
    assert found == {"a.recovered-20010909T014640Z": "first", "a.recovered-20010909T014640Z-2": "second"}
    assert len(said) == 2


def test_a_living_process_s_file_is_left_alone(tmp_path: Path) -> None:
    with start(tmp_path / "a.csv") as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(OutputError, match=r"another run is writing .*a\.csv\.part; choose another name"):
            GrowingFile(tmp_path / "a.csv", nothing_to_say)
        assert [p.name for p in tmp_path.iterdir()] == ["a.csv.part"]
        process.kill()


def test_what_was_written_is_on_the_disk_within_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[int] = []
    flush = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda handle: (flush(handle), flushed.append(os.fstat(handle).st_size)))
    file = GrowingFile(tmp_path / "a", nothing_to_say)
    file.write("once")
    time.sleep(1.3)
    assert flushed == [4]
    time.sleep(1)
    assert flushed == [4]  # nothing new, no work for the disk
    file.publish()


def test_a_disk_that_fails_later_is_an_error_at_the_next_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_handle: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(growing, "SYNC_INTERVAL", 0.02)
    monkeypatch.setattr(os, "fdatasync", fail)
    file = GrowingFile(tmp_path / "a", nothing_to_say)
    file.write("x")
    time.sleep(0.2)
    with pytest.raises(OutputError, match=r"cannot write .*a: Input/output error"):
        file.write("y")
    file.abandon()


def test_a_file_renamed_under_its_writer_is_not_mistaken_for_ours(tmp_path: Path) -> None:
    file = GrowingFile(tmp_path / "a", nothing_to_say)
    file.write("ours")
    (tmp_path / "a.part").rename(tmp_path / "moved")
    (tmp_path / "a.part").write_text("theirs")
    with pytest.raises(OutputError, match="renamed or deleted meanwhile"):
        file.publish()
    assert not (tmp_path / "a").exists()
    assert (tmp_path / "moved").read_text() == "ours"


def test_a_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "real.csv"
    target.write_text("old")
    link = tmp_path / "link.csv"
    link.symlink_to(target)
    file = GrowingFile(link, print)
    file.write("new")
    file.publish()
    assert link.is_symlink() and target.read_text() == "new"
