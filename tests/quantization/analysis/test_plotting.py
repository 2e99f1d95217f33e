"""Plots as files: whole, reproducible, without a display."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from fastscnn_edge.errors import OutputError
from fastscnn_edge.quantization.analysis.plotting import new_figure, save_png


def test_the_same_figure_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        figure = new_figure(3, 2)
        figure.subplots().plot([1, 2, 4])
        save_png(figure, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (390, 260)


def test_a_file_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        save_png(new_figure(3, 2), tmp_path / "file" / "a.png")


@pytest.mark.parametrize("command", ["ranges", "sensitivity"])
def test_help_does_not_wait_for_matplotlib(command: str) -> None:
    code = f"""
import sys
from fastscnn_edge.commands.{command} import build_parser
build_parser().format_help()
assert "matplotlib" not in sys.modules and "torch" not in sys.modules
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
