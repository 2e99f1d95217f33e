"""The two forms of the first layer, measured here."""

from __future__ import annotations

from pathlib import Path

from benchmarks.first_layer import first_layer_table
from benchmarks.roofline import WEIGHTS


def test_both_forms_run_and_are_compared(tmp_path: Path) -> None:
    header, _, row = first_layer_table(WEIGHTS, [(64, 96)], [1], rounds=2, cache=tmp_path)
    assert header.count("|") == row.count("|")
    assert row.startswith("| 64x96 | 1 | ")
