"""An engine in a process of its own: starts, answers, settles, and its end is explained."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from benchmarks.build_ours import build_ours
from tests.helpers import random_image
from tools.peers.engines.common import FrameFormat
from tools.peers.process import NotRunError
from tools.peers.worker_process import WorkerProcess

WEIGHTS = Path(__file__).parents[3] / "fastscnn_edge" / "weights"
FLOAT, INT8 = WEIGHTS / "fastscnn_camvid.safetensors", WEIGHTS / "fastscnn_camvid_int8.safetensors"
SIZE = (96, 128)
FORMAT = FrameFormat(*SIZE, (0.0,) * 3, (1.0,) * 3)
PYTHON = Path(sys.executable)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our files for :data:`SIZE`, and one frame."""
    folder = tmp_path_factory.mktemp("ours")
    build_ours(folder, FLOAT, INT8, SIZE)
    random_image(*SIZE).tofile(folder / "frame.raw")
    return folder


def test_masks_times_and_peak_are_answered(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "classes.raw"
    with WorkerProcess(PYTHON, "ours", folder / "ours_int8.tflite", 1, FORMAT, tmp_path / "log") as process:
        process.ask(masks=str(folder / "frame.raw"), out=str(out))
        assert out.stat().st_size == SIZE[0] * SIZE[1]
        assert len(process.ask(run=str(folder / "frame.raw"), count=3)["times"]) == 3
        assert process.ask(peak=True)["peak"] > 10 << 20


def test_why_a_process_did_not_start_is_reported(tmp_path: Path) -> None:
    with pytest.raises(NotRunError, match=r"absent\.tflite"):
        WorkerProcess(PYTHON, "ours", tmp_path / "absent.tflite", 1, FORMAT, tmp_path / "log")
    with pytest.raises(NotRunError, match="no_such_engine"):
        WorkerProcess(PYTHON, "no_such_engine", tmp_path / "absent.tflite", 1, FORMAT, tmp_path / "log")


def test_nobody_starts_while_another_still_spins(folder: Path, tmp_path: Path) -> None:
    """ONNX Runtime's pool spins for tens of milliseconds after each run, on the processors of whoever is next."""
    with WorkerProcess(PYTHON, "ours", folder / "ours_int8.onnx", 2, FORMAT, tmp_path / "log") as process:
        process.ask(run=str(folder / "frame.raw"), count=3)
        process.settle()
        before = process._worked()
        time.sleep(0.05)
        assert process._worked() - before < 5_000_000
        assert before > 0
