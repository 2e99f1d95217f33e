"""What the words of ``fastscnn-edge run`` mean."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastscnn_edge.cli.inputs import camera_names, expand
from fastscnn_edge.commands.run import main
from fastscnn_edge.errors import UsageError
from fastscnn_edge.runtime.cameras.address import parse
from tests.helpers import random_image


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("10.png", "2.png", "deep/c.png", "other/2.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(random_image(40, 50)).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _names(*words: str) -> list[str]:
    return [str(path) for path in expand([Path(word) for word in words])]


def test_patterns_that_the_shell_left(pictures: Path) -> None:
    assert _names("*.png", "deep") == ["2.png", "10.png", "deep"]
    assert _names("**/*.png") == ["2.png", "10.png", "deep/c.png", "other/2.png"]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(pictures: Path) -> None:
    (pictures / "a[1].png").touch()
    assert _names("a[1].png") == ["a[1].png"]


def test_lists(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (pictures / "deep" / "list.txt").write_text("# of mine\n2.png\n\n c.png \n")
    assert _names("deep/list.txt") == ["2.png", "deep/c.png"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("10.png\n2.png\n"))
    assert _names("-") == ["10.png", "2.png"]


@pytest.mark.parametrize("word", ["0", "csi", "csi:1", "/dev/video3", "RTSP://10.0.0.7/1", "http://cam/"])
def test_a_camera_is_answered_with_its_option(pictures: Path, word: str) -> None:
    with pytest.raises(UsageError, match="a camera goes with --camera"):
        expand([Path(word)])


def test_pictures_and_folders_together(
    pictures: Path, tiny_model: Path, capfd: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    out = tmp_path_factory.mktemp("out")
    words = ["2.png", "deep", "other", "--model", str(tiny_model), "--out", str(out)]
    assert main(words) == 0
    assert capfd.readouterr().out.startswith("3 frames")
    names = {path.name.removesuffix("_mask.png") for path in out.glob("*_mask.png")}
    assert names == {"c", "2.png", "other_2.png"}


def test_a_tree_of_folders(pictures: Path, tiny_model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main([".", "--model", str(tiny_model)]) == 0
    assert capfd.readouterr().out.startswith("2 frames")
    assert main([".", "--recursive", "--model", str(tiny_model)]) == 0
    assert capfd.readouterr().out.startswith("4 frames")


@pytest.mark.parametrize("name", ["picture", "picture.dat", "picture.mp3", "picture.jpg_original"])
def test_a_picture_of_any_name(pictures: Path, tiny_model: Path, name: str) -> None:
    (pictures / "2.png").rename(pictures / name)
    assert main([name, "--model", str(tiny_model)]) == 0


@pytest.mark.parametrize("name", ["drive", "drive.bin"])
def test_a_video_of_any_name(pictures: Path, video: Path, tiny_model: Path, name: str) -> None:
    (pictures / name).write_bytes(video.read_bytes())
    assert main([name, "--model", str(tiny_model), "--headless"]) == 0


@pytest.mark.parametrize(
    ("suffix", "format_"), [(".jfif", "JPEG"), (".dib", "DIB"), (".pbm", "PPM"), (".avif", "AVIF")]
)
def test_suffixes_that_pillow_reads(pictures: Path, tiny_model: Path, suffix: str, format_: str) -> None:
    Image.init()
    if format_ not in Image.SAVE:
        pytest.skip(f"this Pillow has no {format_}")
    Image.fromarray(np.full((40, 50, 3), 99, np.uint8)).save(pictures / f"deep/x{suffix}", format=format_)
    assert main(["deep", "--model", str(tiny_model)]) == 0


def test_two_cameras(
    pictures: Path, video: Path, tiny_model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("front", "rear"):
        (tmp_path / f"{name}.avi").write_bytes(video.read_bytes())
    words = ["--camera", "file:front.avi", "--camera", "file:rear.avi", "--model", str(tiny_model)]
    results = ["--csv", "both.csv", "--report", "both.json", "--out", "out"]
    assert main([*words, *results, "--headless"]) == 0
    printed = capfd.readouterr().out
    report = json.loads((tmp_path / "both.json").read_text())
    assert set(report["cameras"]) == {"front", "rear"}
    assert sum(camera["frames"] for camera in report["cameras"].values()) == report["frames"]
    for name in ("front", "rear"):
        assert f"  {name}: " in printed
        assert f"\n{name}_frame_0" in (tmp_path / "both.csv").read_text()
        assert list((tmp_path / "out").glob(f"{name}_frame_*_mask.png"))
        assert f"camera {name}" in (tmp_path / "both.html").read_text()
    assert main([*words, "--video", "both.mp4"]) == 2
    assert "--video shows one camera" in capfd.readouterr().err


def test_names_of_cameras() -> None:
    addresses = [
        "0",
        "/dev/video12",
        "csi:1",
        "rtsp://user:secret@10.0.0.7:554/live/1",
        "http://10.0.0.7:554/other",
        "file:a b/dr\u00edve.mp4",
        "file:x/dr\u00edve.mp4",
    ]
    names = camera_names([parse(address) for address in addresses])
    assert names == ["video0", "video12", "csi-1", "10.0.0.7-554", "10.0.0.7-554-2", "dr-ve", "dr-ve-2"]


def test_a_camera_given_twice(tiny_model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--camera", "0", "--camera", "/dev/video0", "--model", str(tiny_model)]) == 2
    assert "--camera /dev/video0 is given twice" in capfd.readouterr().err
