"""What the words of ``fastscnn-edge run`` mean."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastscnn_edge.cli.inputs import expand
from fastscnn_edge.commands.run import main
from fastscnn_edge.errors import UsageError
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
