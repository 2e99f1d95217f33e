"""The whole command with the contestants of this environment, in real processes; its options, tables and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.compare import main
from benchmarks.results import BenchmarkComparison, load, save
from benchmarks.table import benchmark_markdown

from .case import CASE

SIZE = (96, 128)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(4):
        # Coarse noise: it has edges, as streets do, and every class somewhere.
        coarse = Image.fromarray(np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8))
        coarse.resize(SIZE[::-1], Image.Resampling.BICUBIC).save(folder / f"{number}.png")
    return folder


@pytest.mark.slow
def test_every_contestant_of_this_environment(pictures: Path, tmp_path: Path) -> None:
    """The whole command: files made, processes started, masks compared, rounds timed, results written."""
    out = tmp_path / "comparison.json"
    status = main(
        [
            "--sizes",
            "96x128",
            "--threads",
            "1",
            "--rounds",
            "2",
            "--pictures",
            str(pictures),
            "--only",
            "ours,ORT,TFLite,torch eager",
            "--cache",
            str(tmp_path / "cache"),
            "--out",
            str(out),
        ]
    )
    assert status == 0
    (case,) = load(out).cases
    assert len(case.rows) == 9
    for row in case.rows:
        assert row.problem is None, row
        assert [len(times) for times in row.times] == [12, 12]
        assert row.peak > 10 << 20
        assert row.agreement > (0.999 if row.precision == "fp32" else 0.85), row.name


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--only", "nobody"], "no contestant"),
        (["--checkpoint", "absent.pth"], "no such checkpoint: absent.pth"),
        (["--pictures", "absent"], "absent"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_an_earlier_result_is_shown_and_drawn(tmp_path: Path) -> None:
    path = tmp_path / "comparison.json"
    save(BenchmarkComparison({"rounds": 9}, [CASE]), path)
    assert main(["--show", str(path), "--markdown", str(tmp_path / "a.md"), "--plot", str(tmp_path / "a.png")]) == 0
    assert (tmp_path / "a.md").read_text() == benchmark_markdown(load(path))
    with Image.open(tmp_path / "a.png") as image:
        assert image.width > 400
