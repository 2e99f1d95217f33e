"""A few mutations of each reader's files; ``python -m tests.fuzz`` runs thousands."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fuzz.__main__ import alike, main, table
from tests.fuzz.campaign import ROOT, Tally, run_cases
from tests.fuzz.reader import Reader
from tests.fuzz.registry import READERS
from tests.fuzz.worker import case_bytes

QUICK = {name: 30 for name in READERS if ":" not in name}
QUICK |= {"tflite": 60, "tflite-bundled": 10, "checkpoint-pth": 10, "checkpoint-safetensors": 10}


@pytest.fixture(autouse=True)
def _laptop() -> None:
    for module in ("torch", "safetensors", "onnx", "onnxruntime", "ai_edge_litert", "flatbuffers", "av"):
        pytest.importorskip(module, reason=f"mutating every kind of file needs {module}")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name.startswith("checkpoint") else name for name in QUICK]
)
def test_mutated_files_are_read_or_refused_in_one_line(name: str, tmp_path: Path) -> None:
    tally = Tally(name)
    run_cases(READERS[name], 0, QUICK[name], tmp_path, tally)
    assert tally.failures == []
    assert tally.cases == QUICK[name]
    assert tally.counts["refused"] > 0


def test_a_case_is_the_same_for_the_same_numbers(tmp_path: Path) -> None:
    reader = READERS["reports"]
    seeds = reader.seeds(tmp_path)
    cases = [case_bytes(reader, seeds, 5, case) for case in range(20)]
    assert cases == [case_bytes(reader, seeds, 5, case) for case in range(20)]
    assert len(set(cases)) == 20


BROKEN = """
import ctypes, os, sys, time
from pathlib import Path
from tests.fuzz import registry, worker
from tests.fuzz.reader import Reader

class Broken(Reader):
    name, suffix, timeout = "broken", ".txt", 1.5

    def seeds(self, folder):
        return [b"9"]

    def mutate(self, rng, seeds):
        Broken.count = getattr(Broken, "count", int(sys.argv[3]) - 1) + 1
        return b"%d" % Broken.count

    def read(self, path):
        case = path.read_bytes()
        if case == b"1":
            ctypes.string_at(1)
        if case == b"2":
            {}["absent"]
        if case == b"3":
            time.sleep(60)
        if case == b"4":
            bytearray(b"x") * 400_000_000
        if case == b"5":
            os._exit(7)
        if case == b"6":
            from fastscnn_edge.errors import UsageError
            raise UsageError("no")

registry.READERS["broken"] = Broken()
"""


class Broken(Reader):
    """What the program text above makes of this name in a child."""

    name, suffix, timeout = "broken", ".txt", 1.5

    def seeds(self, folder: Path) -> list[bytes]:
        return []

    def read(self, path: Path) -> None: ...


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """A reader that goes wrong in every way, one for each case."""
    (tmp_path / "sitecustomize.py").write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{BROKEN}")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path), str(ROOT))))
    return Broken()


def test_every_way_to_fail_is_counted_and_its_file_kept(broken: Reader, tmp_path: Path) -> None:
    tally = Tally("broken")
    run_cases(broken, 0, 8, tmp_path / "out", tally)
    assert tally.counts == {"accepted": 2, "refused": 1, "signal": 1, "traceback": 2, "hang": 1, "over": 1}
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [f"broken-0-{n}.txt" for n in (1, 2, 3, 4, 5)]
    assert (tmp_path / "out" / "broken-0-3.txt").read_text() == "3"
    assert "| broken | 8 | 2 | 1 | 2 | 1 | 1 | 1 |" in table([tally])


def test_failures_that_differ_in_numbers_are_one_line() -> None:
    assert alike(["a case 1: x", "a case 2: x", "b case 3: y"]) == ["2 x a case 1: x", "1 x b case 3: y"]


def test_the_command_prints_a_table(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--reader", "scores", "--cases", "20", "--out", str(tmp_path)]) == 0
    assert "| scores | 20 | " in capsys.readouterr().out


@pytest.mark.slow
def test_ctrl_c_prints_what_was_measured(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fuzz", "--reader", "scores", "--cases", "1000000", "--out", str(tmp_path)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background job, as these tests may be, ignores Ctrl-C, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        time.sleep(4)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert "| scores | " in out and "interrupted" in err and "Traceback" not in err
