"""``--memory-limit`` knows what was asked of it before anything is loaded."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fastscnn_edge.cli import memory_limit
from fastscnn_edge.cli.memory_limit import workload_of
from fastscnn_edge.commands.run import main
from fastscnn_edge.runtime.board.footprint import Workload, estimate
from fastscnn_edge.runtime.board.memory import Memory
from tests.helpers import tiny


def test_a_camera_has_the_size_asked_of_it() -> None:
    asked = workload_of(None, held=5, camera_size=(1920, 1080))
    assert asked.frame == (1080, 1920)
    own = workload_of(None, held=5)
    assert own.frame is None
    need = [estimate(tiny.spec(), "tflite", 0, 0, work).total for work in (asked, own)]
    assert need[0] - need[1] > 5 * 1920 * 1080 * 3  # five frames of it at least


def test_run_counts_the_frames_of_a_large_camera(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """97 is no camera: what fits is refused for that, what does not is refused for its memory before."""
    monkeypatch.setattr(memory_limit, "read_memory", lambda: Memory(60 << 20, None, None, None))
    options = ["--model", str(tiny_model), "--camera", "97", "--memory-limit", "140M", "--headless"]
    assert main(options) == 2
    assert "no camera" in capfd.readouterr().err
    assert main([*options, "--camera-size", "3840x2160"]) == 2
    assert "MiB are needed" in capfd.readouterr().err


def test_a_video_library_that_is_loaded_is_not_counted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "av", raising=False)
    fresh = workload_of(Path("drive.mp4"))
    monkeypatch.setitem(sys.modules, "av", sys)
    loaded = workload_of(Path("drive.mp4"))
    assert (fresh, loaded) == (Workload(video=True), Workload(video=True, video_loaded=True))
    need = [estimate(tiny.spec(), "tflite", 0, 0, work).total for work in (fresh, loaded)]
    assert need[0] > need[1]
