"""The two forms of the first layer: measured here, and counted as the emulated board does."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import instructions_job
from benchmarks.first_layer import PAIRS, SINGLE, first_layer_table
from benchmarks.instructions import IN_GRAPH, fill, rows
from benchmarks.roofline import WEIGHTS
from device_tests.board import Machine, qemu_command
from fastscnn_edge.quantization.calibration.calibration_images import calibration_files

STREET = Path(__file__).parents[2] / "examples" / "street"


def test_both_forms_run_and_are_compared(tmp_path: Path) -> None:
    header, _, row = first_layer_table(WEIGHTS, [(64, 96)], [1], rounds=2, cache=tmp_path)
    assert header.count("|") == row.count("|")
    assert row.startswith("| 64x96 | 1 | ")


def test_the_board_counts_every_file_by_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])  # the job puts its own folder first
    fill(tmp_path, WEIGHTS, (64, 96), calibration_files(STREET, 2))
    names = json.loads((tmp_path / "jobs.json").read_text())
    counts = {name: instructions_job.measure(tmp_path, name) for name in names}
    assert {Path(name).stem for name in counts} == {PAIRS, SINGLE, IN_GRAPH}
    assert set(counts["pairs.tflite"]) == {"preprocess", "network", "mask"}
    assert all(value > 0 for stages in counts.values() for value in stages.values())


def test_a_row_has_sums_and_differences() -> None:
    stages = {"preprocess": 1.0, "network": 80.0, "mask": 19.0}
    *_, row = rows({"cortex-a76": {PAIRS: stages, SINGLE: {**stages, "network": 85.0}, IN_GRAPH: {"whole": 90.0}}})
    assert row == "| cortex-a76 | 1.0 | 80.0 | 19.0 | 100.0 | 105.0 (+5.0 %) | 90.0 (-10.0 %) |"


@pytest.mark.parametrize("count", [False, True])
def test_only_a_counting_board_has_instructions_for_a_clock(count: bool, tmp_path: Path) -> None:
    command = qemu_command(Machine(), *[tmp_path] * 4, count=count)
    assert ("-icount" in command) == count
    assert command[command.index("-smp") + 1] == ("1" if count else "2")
