"""A second run against the stated intervals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.compare import main
from benchmarks.contestants import REFERENCE
from benchmarks.repeat import compare_runs
from benchmarks.results import BenchmarkComparison, save

from .case import CASE, row


def test_another_run_is_held_against_the_stated_intervals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    again = replace(CASE, rows=[CASE.rows[0], row(REFERENCE, 241, 750), row("OpenVINO INT8", 80, 200), CASE.rows[-1]])
    count, outside = compare_runs(BenchmarkComparison({}, [CASE]), BenchmarkComparison({}, [again]))
    assert (count, [one.name for one in outside]) == (2, ["OpenVINO INT8"])
    paths = [tmp_path / "stated.json", tmp_path / "again.json"]
    for path, case in zip(paths, (CASE, again), strict=True):
        save(BenchmarkComparison({}, [case]), path)
    assert main(["--show", str(paths[1]), "--against", str(paths[0])]) == 0
    said = capsys.readouterr().out
    assert f"1 of 2 ratios are within the intervals of {paths[0]}\n- 1024x2048, 1 thread: OpenVINO INT8 is 1.6" in said
