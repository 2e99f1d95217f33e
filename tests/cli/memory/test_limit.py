"""``--memory-limit`` knows what was asked of it before anything is loaded."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from PIL import Image

from fastscnn_edge.cli.memory import limit as memory_limit
from fastscnn_edge.cli.memory.limit import workload_of
from fastscnn_edge.commands.memory import main as memory_main
from fastscnn_edge.commands.run import main
from fastscnn_edge.runtime.board.memory import Memory
from fastscnn_edge.runtime.pipeline.footprint import Kind, Workload, estimate
from tests.helpers import tiny


def test_a_camera_has_the_size_asked_of_it() -> None:
    asked = workload_of([], camera_size=(1920, 1080))
    assert asked.frame == (1080, 1920)
    own = workload_of([])
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
    refusal = capfd.readouterr().err
    assert "MiB are needed" in refusal
    size = re.search(r"--camera-size (\d+x\d+) would fit", refusal)
    assert size
    assert main([*options, "--camera-size", size[1]]) == 2
    assert "no camera" in capfd.readouterr().err


def test_a_large_picture_is_refused_with_a_size_that_fits(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(memory_limit, "read_memory", lambda: Memory(40 << 20, None, None, None))
    Image.new("RGB", (4000, 3000)).save(tmp_path / "big.png", compress_level=0)
    options = ["--model", str(tiny_model), "--source", str(tmp_path / "big.png"), "--memory-limit", "120M"]
    assert main(options) == 2
    refusal = capfd.readouterr().err
    assert "the picture" in refusal
    side = re.search(r"--max-size (\d+) would fit", refusal)
    assert side and 96 < int(side[1]) < 4000
    assert main([*options, "--max-size", side[1]]) == 0


def test_a_picture_that_only_a_jpeg_decoder_makes_smaller(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """No --max-size helps a WebP, whose decoder takes 16 bytes per pixel of all of it; a JPEG of it fits."""
    monkeypatch.setattr(memory_limit, "read_memory", lambda: Memory(40 << 20, None, None, None))
    for suffix in ("webp", "jpg"):
        Image.new("RGB", (4000, 3000)).save(tmp_path / f"big.{suffix}")
    options = ["--model", str(tiny_model), "--memory-limit", "100M", "--source"]
    assert main([*options, str(tmp_path / "big.webp")]) == 2
    refusal = capfd.readouterr().err
    assert "a picture takes 183 MiB while it is decoded; make it smaller before, or a baseline JPEG of it" in refusal
    assert main([*options, str(tmp_path / "big.jpg")]) == 2
    side = re.search(r"--max-size (\d+) would fit", capfd.readouterr().err)
    assert side and main([*options, str(tmp_path / "big.jpg"), "--max-size", side[1]]) == 0


@pytest.mark.parametrize("name", ["none.jpg", "none.mp4", "text.jpg", "large.png", "folder"])
@pytest.mark.parametrize("options", [[], ["--limit", "1G"]])
def test_a_source_that_cannot_be_used_is_one_error_and_no_estimate(
    tiny_model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, options: list[str]
) -> None:
    (tmp_path / "text.jpg").write_text("text")
    Image.new("1", (9000, 9000)).save(tmp_path / "large.png")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "text.png").write_text("text")
    assert memory_main([str(tiny_model), "--source", str(tmp_path / name), *options]) == 2
    out, err = capfd.readouterr()
    assert out == "" and len(err.splitlines()) == 1 and name in err


def test_a_video_library_that_is_loaded_is_not_counted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_limit, "_video_size", lambda _path: (48, 64))
    monkeypatch.delitem(sys.modules, "av", raising=False)
    fresh = workload_of([Path("drive.mp4")])
    monkeypatch.setitem(sys.modules, "av", sys)
    loaded = workload_of([Path("drive.mp4")])
    assert (fresh, loaded) == (
        Workload((48, 64), Kind.VIDEO),
        Workload((48, 64), Kind.VIDEO, video_loaded=True),
    )
    need = [estimate(tiny.spec(), "tflite", 0, 0, work).total for work in (fresh, loaded)]
    assert need[0] > need[1]
