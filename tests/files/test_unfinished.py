"""Unfinished files of the dead are deleted, those of the living are not."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fastscnn_edge.files import atomic_path, unfinished, write_text

HOLDING = """
import sys, time
from fastscnn_edge.files import atomic_path
with atomic_path(sys.argv[1], durable=False) as path:
    path.write_text("half")
    print(path, flush=True)
    time.sleep(600)
"""


def holder(destination: Path) -> tuple[subprocess.Popen[str], Path]:
    command = [sys.executable, "-c", HOLDING, str(destination)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_a_dead_process_s_picture_is_deleted_and_a_living_one_s_is_not(tmp_path: Path) -> None:
    dead, living = holder(tmp_path / "dead.png"), holder(tmp_path / "living.png")
    assert f".{dead[0].pid}-" in dead[1].name
    dead[0].send_signal(signal.SIGKILL)
    dead[0].communicate()
    assert len(list(tmp_path.iterdir())) == 2
    (tmp_path / ".mine.unfinished").touch()  # not one of ours
    write_text(tmp_path / "report.json", "{}")
    assert {p.name for p in tmp_path.iterdir()} == {living[1].name, ".mine.unfinished", "report.json"}
    living[0].kill()
    living[0].communicate()


def test_the_number_of_a_dead_process_used_again_protects_nothing(tmp_path: Path) -> None:
    """This process lives, and its id stands in the name; but it holds no lock."""
    leftover = tmp_path / f".a.png.{os.getpid()}-abcdefgh.unfinished"
    leftover.touch()
    unfinished.remove_leftovers(tmp_path)
    assert not leftover.exists()


def test_where_there_are_no_locks_nothing_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_handle: int, _operation: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with atomic_path(tmp_path / "a") as path:
        path.write_text("a")
        unfinished.remove_leftovers(tmp_path)
        assert path.exists()
    assert (tmp_path / "a").read_text() == "a"


def test_a_name_as_long_as_the_disk_takes(tmp_path: Path) -> None:
    destination = tmp_path / ("ä" * 125 + ".json")
    write_text(destination, "x")
    assert [p.name for p in tmp_path.iterdir()] == [destination.name]
