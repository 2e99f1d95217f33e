"""Which files of a folder calibrate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastscnn_edge.errors import SourceError
from fastscnn_edge.quantization.calibration.calibration_images import calibration_files, spread
from tests.helpers import random_image


def _pictures(folder: Path, count: int) -> None:
    for i in range(count):
        Image.fromarray(random_image(40, 50, i)).save(folder / f"{i}.png")


def test_spread_takes_first_and_last() -> None:
    assert spread(range(10), 4) == [0, 3, 6, 9]
    assert spread(range(3), 8) == [0, 1, 2]


def test_evenly_spread_in_natural_order(tmp_path: Path) -> None:
    _pictures(tmp_path, 12)
    said: list[str] = []
    assert [path.stem for path in calibration_files(tmp_path, 12, warn=said.append)] == [str(i) for i in range(12)]
    assert [int(path.stem) for path in calibration_files(tmp_path, 8, warn=said.append)] == [0, 2, 3, 5, 6, 8, 9, 11]
    assert not said


def test_label_maps_beside_pictures_are_passed_over_and_counted(tmp_path: Path) -> None:
    _pictures(tmp_path, 9)
    labels = np.zeros((40, 50), np.uint8)
    labels[:20] = 7
    Image.fromarray(labels).save(tmp_path / "3_labels.png")
    palette = Image.fromarray(labels).convert("P")
    palette.putpalette([0, 0, 0, 255, 0, 0])
    palette.save(tmp_path / "4_mask.png")
    Image.fromarray(labels > 0).save(tmp_path / "5_mask.png")
    said: list[str] = []
    files = calibration_files(tmp_path, 99, warn=said.append)
    assert {path.stem for path in files} == {str(i) for i in range(9)}
    assert said == [f"passed over in {tmp_path}: 3 label maps; 9 pictures found"]


def test_gray_pictures_are_pictures(tmp_path: Path) -> None:
    for i in range(8):
        Image.fromarray(random_image(40, 50, i)).convert("L").save(tmp_path / f"{i}.png")
    assert len(calibration_files(tmp_path, 8)) == 8


def test_nothing_but_label_maps_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((40, 50), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(SourceError, match="holds label maps, no pictures"):
        calibration_files(tmp_path, 8)


def test_few_pictures_are_warned_of(tmp_path: Path) -> None:
    _pictures(tmp_path, 1)
    said: list[str] = []
    calibration_files(tmp_path, 32, warn=said.append)
    assert said == ["1 calibration picture is few: ranges seen on fewer than 8 may not fit others"]


def test_subfolders_only_when_asked(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    _pictures(tmp_path / "deep", 8)
    with pytest.raises(SourceError, match="--recursive"):
        calibration_files(tmp_path, 8)
    assert len(calibration_files(tmp_path, 8, recursive=True)) == 8
