"""Look options, from the outside of ``fastscnn-edge run``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastscnn_edge.classes import CAMVID
from fastscnn_edge.commands.run import main
from fastscnn_edge.palettes import COLORBLIND
from fastscnn_edge.runtime.frames import SegmentedFrame
from fastscnn_edge.runtime.sinks import records, result_files
from fastscnn_edge.runtime.sinks.blur import Blur
from fastscnn_edge.runtime.sinks.overlay import blend
from fastscnn_edge.runtime.sinks.style import Style
from fastscnn_edge.runtime.sinks.video import VideoWriter
from fastscnn_edge.runtime.web.view import WebView
from fastscnn_edge.spec import ClassSet
from tests.helpers import random_image, segmented, write_video
from tests.helpers.fonts import write_font


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


@pytest.fixture
def street_video(tmp_path: Path) -> Path:
    """Three frames of 96x160 with many classes."""
    return write_video(tmp_path / "street.mp4", [random_image(96, 160, seed) for seed in range(3)])


class NoWindow:
    """In place of the window, which needs a screen."""

    closed = False

    def __init__(self, *arguments: object) -> None: ...

    def write(self, result: SegmentedFrame) -> None: ...

    def poll(self) -> bool:
        return True

    def close(self) -> None: ...


SINKS = (records.LinesFile, records.CsvFile, result_files.ResultFiles, VideoWriter, WebView, NoWindow)


def test_no_sink_sees_a_blurred_class_and_masks_are_the_same(tiny_model, street_video, tmp_path, monkeypatch) -> None:
    seen: dict[str, list[SegmentedFrame]] = {}
    originals: dict[str, np.ndarray] = {}
    monkeypatch.setattr("fastscnn_edge.runtime.sinks.window.Window", NoWindow)
    for kind in SINKS:

        def noted(self, result, write=kind.write, name=kind.__name__):
            seen.setdefault(name, []).append(result)
            write(self, result)

        monkeypatch.setattr(kind, "write", noted)
    plain = Blur.__call__

    def remembered(self, result):
        originals[result.frame.name] = result.frame.rgb.copy()
        return plain(self, result)

    monkeypatch.setattr(Blur, "__call__", remembered)
    files = ["--video", tmp_path / "v.mp4", "--csv", tmp_path / "c.csv", "--lines", tmp_path / "l.jsonl"]
    words = ["--source", str(street_video), "--model", str(tiny_model), "--threads", "1"]
    outputs = ["--out", str(tmp_path / "a"), *map(str, files), "--serve", "127.0.0.1:0", "--window"]
    assert main([*words, *outputs, "--blur", "sky,road,2,tree,8,9,10"]) == 0
    assert main([*words, "--out", str(tmp_path / "b"), "--headless"]) == 0
    assert set(seen) == {kind.__name__ for kind in SINKS}
    for name, results in seen.items():
        assert len(results) == (6 if name == "ResultFiles" else 3)
        for one in results[:3]:
            original = originals[one.frame.name]
            hidden = np.isin(one.class_map, (0, 2, 3, 5, 8, 9, 10))
            assert 0.02 < hidden.mean() < 1
            expected = plain(Blur(frozenset({0, 2, 3, 5, 8, 9, 10})), segmented(original, one.class_map))
            np.testing.assert_array_equal(one.frame.rgb, expected.frame.rgb)
            assert (one.frame.rgb[hidden] != original[hidden]).any(axis=1).mean() > 0.9
    masks = sorted((tmp_path / "b").glob("*_mask.png"))
    assert len(masks) == 3
    for path in masks:
        np.testing.assert_array_equal(read(path), read(tmp_path / "a" / path.name))


def test_a_repeated_picture_is_not_fed_back_blurred(tiny_model, image, tmp_path, capfd) -> None:
    shares = []
    for options in ((), ("--blur", "0,1,2,3,4,5,6,7,8,9,10")):
        assert run(tiny_model, image, tmp_path / "a", "--frames", "4", "--lines", *options) == 0
        shares.append([json.loads(line)["shares"] for line in capfd.readouterr().out.splitlines()])
    assert shares[0] == shares[1]


def test_a_blurred_picture_is_written_in_bands(tiny_model, tmp_path) -> None:
    picture = random_image(200, 300)
    Image.fromarray(picture).save(tmp_path / "street.png")
    options = ("--blur", "sky,road", "--opacity", "0", "--no-legend")
    assert run(tiny_model, tmp_path / "street.png", tmp_path / "a", *options) == 0
    class_map = read(tmp_path / "a" / "street_mask.png")
    expected = Blur(frozenset({0, 3}))(segmented(picture, class_map)).frame.rgb
    assert (expected != picture).any()
    np.testing.assert_array_equal(read(tmp_path / "a" / "street_overlay.png"), expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--opacity", "2"], "'2' is not a number, 0 to 1"),
        (["--opacity", "nan"], "'nan' is not a number, 0 to 1"),
        (["--opacity", "1", "--outline"], "--outline is invisible at --opacity 1"),
        (["--only", "raod"], "--only: the model has no class 'raod', but sky, building"),
        (["--only", "11"], "--only: the model has no class '11'"),
        (["--only", ","], "--only names no class"),
        (["--blur", "sky,human"], "--blur: the model has no class 'human', but sky, building"),
        (["--font", "/dev/null"], "--font /dev/null is no file"),
        (["--font", __file__], "is no TrueType or OpenType font"),
        (["--smooth", "0.3"], "--smooth is for a video or camera"),
        (["--smooth", "0"], "'0' is not a number of seconds"),
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


def test_a_smoothed_video_has_other_masks(tiny_model, street_video, tmp_path) -> None:
    for name, options in (("a", ()), ("b", ("--smooth", "0.5"))):
        assert run(tiny_model, street_video, tmp_path / name, "--headless", *options) == 0
    first, *later = sorted(path.name for path in (tmp_path / "a").glob("*_mask.png"))
    np.testing.assert_array_equal(read(tmp_path / "a" / first), read(tmp_path / "b" / first))
    assert all((read(tmp_path / "a" / name) != read(tmp_path / "b" / name)).any() for name in later)


def test_a_legend_that_cannot_show_a_name_is_warned_of_once_and_only_if_drawn(
    tiny_model, street_video, tmp_path, capfd
) -> None:
    names = tmp_path / "names.txt"
    names.write_text("\n".join(f"\u5317{number}" for number in range(11)), encoding="utf-8")
    font = str(write_font(tmp_path / "north.ttf", "\u53170123456789"))
    for options, warnings in (((), 1), (("--no-legend",), 0), (("--font", font), 0)):
        assert run(tiny_model, street_video, tmp_path / "a", "--headless", "--classes", str(names), *options) == 0
        assert capfd.readouterr().err.count("the legend cannot show '\u5317' (U+5317)") == warnings
