"""The images that every engine sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_tests.interop.models import image_files
from fastscnn_edge.errors import UsageError


def test_images_are_spread_evenly_over_each_folder(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"{number}.png").touch()
    (tmp_path / "notes.txt").touch()
    assert [p.name for p in image_files([tmp_path], 3)] == ["0.png", "4.png", "8.png"]
    assert len(image_files([tmp_path, tmp_path], 100)) == 18


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no pictures"):
        image_files([tmp_path], 4)
