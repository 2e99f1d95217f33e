"""``fastscnn-edge memory`` and amounts of memory in options."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest
from PIL import Image

from fastscnn_edge.cli.arguments import memory_amount
from fastscnn_edge.cli.memory.limit import workload_of
from fastscnn_edge.commands.memory import main
from fastscnn_edge.runtime.images.header import PictureHeader
from fastscnn_edge.runtime.pipeline.footprint import Kind, Workload
from fastscnn_edge.runtime.sources.video import VideoSource


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("128M", 128 << 20),
        ("128MiB", 128 << 20),
        ("128 mb", 128 << 20),
        ("0.5G", 1 << 29),
        ("1000", 1000),
        ("2k", 2048),
    ],
)
def test_amounts(text: str, value: int) -> None:
    assert memory_amount(text) == value


@pytest.mark.parametrize("text", ["", "M", "-1M", "0", "12X", "1e9", "nan"])
def test_no_amounts(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="for example 128M"):
        memory_amount(text)


def test_workloads(tmp_path: Path) -> None:
    assert workload_of([]) == Workload(kind=Kind.CAMERA)
    for name, size in (("a", (40, 30)), ("b", (90, 60))):
        Image.new("RGB", size).save(tmp_path / f"{name}.png")
    (tmp_path / "c.png").write_bytes(b"damaged")
    small, large = PictureHeader(30, 40), PictureHeader(60, 90)
    assert workload_of([tmp_path]) == Workload((60, 90), Kind.FOLDER, pictures=(small, large))
    assert workload_of([tmp_path / "a.png"]) == Workload((30, 40), Kind.PICTURE, pictures=(small,))
    assert workload_of([tmp_path / "b.png"], max_side=30).frame == (20, 30)
    assert workload_of([tmp_path / "a.png"], repeated=True).kind is Kind.FOLDER


def test_a_video_has_the_size_of_its_frames(video: Path) -> None:
    with VideoSource(video) as source:
        frame = next(iter(source)).rgb
    work = workload_of([video], drawing=True)
    assert work._replace(video_loaded=False) == Workload(frame.shape[:2], Kind.VIDEO, drawing=True)


def test_float_pictures_need_their_range_and_the_error_is_of_the_source(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "depth.tif"
    Image.new("F", (64, 48), 0.5).save(path)
    options = [str(tiny_model), "--source", str(path), "--measure"]
    assert main(options) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"fastscnn-edge: error: cannot decode {path} as a picture: its pixels are float")
    assert "SourceError" not in error
    assert main([*options, "--pixel-range", "0:1"]) == 0


@pytest.mark.parametrize("work", ["--source", "--camera-size"])
def test_the_table_of_a_run(tiny_model: Path, image: Path, work: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = str(image) if work == "--source" else "128x96"
    assert main([str(tiny_model), work, given, "--draw", "--measure"]) == 0
    row = capsys.readouterr().out.splitlines()[2].split("|")
    assert float(row[7]) > 20
    assert main([str(tiny_model), "--draw"]) == 2
    assert "--draw goes with" in capsys.readouterr().err


def test_blurring_and_smoothing_are_work(tiny_model: Path, image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [str(tiny_model), "--source", str(image), "--draw", "--blur", "--smooth", "--measure"]
    assert main(words) == 0
    assert "tiny.tflite" in capsys.readouterr().out
    for option in ("--blur", "--smooth"):
        assert main([str(tiny_model), option]) == 2
        assert f"{option} goes with --source or --camera-size" in capsys.readouterr().err


def test_json(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tiny_model), "--measure", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["height"], row["width"], row["engine"]) == (64, 96, "tflite")
    assert sum(row["parts"].values()) == pytest.approx(row["estimated"], abs=10)
    assert row["measured"] > 20 << 20


def test_the_table(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tiny_model), "--measure"]) == 0
    row = capsys.readouterr().out.splitlines()[2].split("|")
    assert row[4].strip() == "64x96"
    assert float(row[7]) > 20 and row[8].strip().endswith("%")
    assert main([str(tiny_model), "--limit", "20M"]) == 2
    assert ", and --limit is 20 MiB" in capsys.readouterr().err
