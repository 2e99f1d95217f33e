"""Instructions as the emulated board counts them: the job, with nothing but its parcel, and the table."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.first_layer import PAIRS, SINGLE
from benchmarks.instructions import IN_GRAPH, fill, rows
from benchmarks.roofline import WEIGHTS
from fastscnn_edge.quantization.calibration.calibration_images import calibration_files

STREET = Path(__file__).parents[2] / "examples" / "street"


def test_the_job_counts_every_file_by_stage(tmp_path: Path) -> None:
    fill(tmp_path, WEIGHTS, (64, 96), calibration_files(STREET, 2))
    counts = {}
    for name in json.loads((tmp_path / "jobs.json").read_text()):
        command = [sys.executable, str(tmp_path / "board_job.py"), str(tmp_path), "-", name]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        counts[name] = json.loads(done.stdout)
    assert {Path(name).stem for name in counts} == {PAIRS, SINGLE, IN_GRAPH}
    assert set(counts["pairs.tflite"]) == {"preprocess", "network", "mask"}
    assert all(value > 0 for stages in counts.values() for value in stages.values())


def test_a_row_has_sums_and_differences() -> None:
    stages = {"preprocess": 1.0, "network": 80.0, "mask": 19.0}
    *_, row = rows({"cortex-a76": {PAIRS: stages, SINGLE: {**stages, "network": 85.0}, IN_GRAPH: {"whole": 90.0}}})
    assert row == "| cortex-a76 | 1.0 | 80.0 | 19.0 | 100.0 | 105.0 (+5.0 %) | 90.0 (-10.0 %) |"
