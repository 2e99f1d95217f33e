"""Look options, from the outside of ``fastscnn-edge run``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastscnn_edge.classes import CAMVID
from fastscnn_edge.commands.run import main
from fastscnn_edge.palettes import COLORBLIND
from fastscnn_edge.runtime.sinks.overlay import blend
from fastscnn_edge.runtime.sinks.style import Style
from fastscnn_edge.spec import ClassSet


def run(tiny_model: Path, image: Path, out: Path, *options: str) -> int:
    words = ["--source", str(image), "--model", str(tiny_model), "--threads", "1", "--out", str(out), *options]
    try:
        return main(words)
    except SystemExit as end:  # the parser's own refusals
        return int(end.code or 0)


def read(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_options_reach_the_files(tiny_model, image, tmp_path) -> None:
    options = ("--opacity", "0.2", "--outline", "--no-legend", "--only", "road, 8", "--palette", "colorblind")
    assert run(tiny_model, image, tmp_path / "a", *options, "--mask-format", "gray") == 0
    class_map = read(tmp_path / "a" / "street_mask.png")
    style = Style(0.2, outline=True, only=frozenset({3, 8}))
    expected = blend(read(image), class_map, ClassSet(CAMVID.labels, COLORBLIND[11]), style)
    np.testing.assert_array_equal(read(tmp_path / "a" / "street_overlay.png"), expected)


def test_a_palette_file_colors_its_classes_and_others_keep_theirs(tiny_model, image, tmp_path, capfd) -> None:
    (tmp_path / "p.csv").write_text("road, 1, 2, 3\ncanal, 0, 0, 9\n")
    assert run(tiny_model, image, tmp_path / "a", "--palette", str(tmp_path / "p.csv")) == 0
    assert "names a class that the model does not have: 'canal'" in capfd.readouterr().err
    with Image.open(tmp_path / "a" / "street_mask.png") as picture:
        palette = np.array(picture.getpalette()[:33]).reshape(11, 3)
    expected = np.array(CAMVID.palette)
    expected[3] = 1, 2, 3
    np.testing.assert_array_equal(palette, expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--opacity", "2"], "'2' is not a number, 0 to 1"),
        (["--opacity", "nan"], "'nan' is not a number, 0 to 1"),
        (["--opacity", "1", "--outline"], "--outline is invisible at --opacity 1"),
        (["--only", "raod"], "--only: the model has no class 'raod', but sky, building"),
        (["--only", "11"], "--only: the model has no class '11'"),
        (["--only", ","], "--only names no class"),
        (["--palette", "/nowhere"], "--palette /nowhere cannot be read"),
        (["--palette", "/dev/null"], "--palette /dev/null names 0 classes"),
        (["--mask-format", "tiff"], "--mask-format"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_nothing_written(
    tiny_model, image, tmp_path, capfd, options: list[str], message: str
) -> None:
    assert run(tiny_model, image, tmp_path / "a", *options) == 2
    printed = capfd.readouterr()
    assert message in printed.err and printed.err.count("\n") == 1
    assert not (tmp_path / "a").exists()


def test_a_palette_of_other_classes_is_refused(tiny_model, image, tmp_path, capfd) -> None:
    (tmp_path / "p.csv").write_text("canal, 0, 0, 9\n")
    assert run(tiny_model, image, tmp_path / "a", "--palette", str(tmp_path / "p.csv")) == 2
    assert "names none of the model's classes: sky, building" in capfd.readouterr().err
