"""Fonts of the legend, and what they cannot show."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from fastscnn_edge.classes import CAMVID, generic
from fastscnn_edge.runtime.sinks.font import check_font, legend_problem
from fastscnn_edge.runtime.sinks.legend import legend
from fastscnn_edge.runtime.sinks.style import PLAIN, Style
from tests.helpers.fonts import write_font

NORTH = "\u5317"
ROAD = "\u0637\u0631\u064a\u0642"  # Arabic


@pytest.fixture(scope="module")
def font_with_north(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A font of a, b and one Chinese character."""
    return write_font(tmp_path_factory.mktemp("fonts") / "tiny.ttf", f"ab{NORTH}")


@pytest.fixture(scope="module")
def dejavu() -> str:
    """A real font with European, Greek and Arabic letters, but no Chinese."""
    if shutil.which("fc-match") is None:
        pytest.skip("finding a font needs fontconfig")
    found = subprocess.run(["fc-match", "-f", "%{file}", "DejaVu Sans"], capture_output=True, text=True, check=True)
    if "DejaVuSans" not in found.stdout:
        pytest.skip("DejaVu Sans is not installed: apt install fonts-dejavu-core")
    return found.stdout


def test_pillows_own_font_shows_the_known_classes() -> None:
    assert legend_problem(CAMVID, PLAIN) is None


@pytest.mark.parametrize(("label", "glyph"), [("stra\u00dfe", "\u00df"), (f"a{NORTH}", NORTH), (ROAD, ROAD[0])])
def test_a_letter_that_pillows_own_font_lacks_is_named(label: str, glyph: str) -> None:
    problem = legend_problem(generic(2, ("sky", label)), PLAIN)
    assert problem is not None
    assert f"'{glyph}' (U+{ord(glyph):04X}) of the class '{label}'" in problem
    assert "Pillow's own font lacks it" in problem and "--font" in problem


def test_a_real_font_shows_what_it_has_and_no_more(dejavu: str) -> None:
    style = Style(font=dejavu)
    shown = ("stra\u00dfe", "\u03bf\u03b4\u03cc\u03c2", "\u0434\u043e\u0440\u043e\u0433\u0430", ROAD, "a b c")
    if features.check("raqm"):
        assert legend_problem(generic(5, shown), style) is None
    problem = legend_problem(generic(3, ("sky", f"{NORTH}1", f"{NORTH}2")), style)
    assert problem is not None
    assert f"(U+5317) of the class '{NORTH}1' (and letters of 1 further classes): the font lacks it" in problem


def test_a_made_font_shows_what_it_has_and_no_more(font_with_north: Path) -> None:
    check_font(font_with_north, (NORTH,))
    style = Style(font=str(font_with_north))
    assert legend_problem(generic(2, ("ab", f"b {NORTH}")), style) is None
    problem = legend_problem(generic(2, ("ab", "abc")), style)
    assert problem is not None and "'c' (U+0063) of the class 'abc'" in problem


def test_classes_that_are_not_painted_need_no_letters() -> None:
    assert legend_problem(generic(2, ("sky", NORTH)), Style(only=frozenset({0}))) is None


def test_the_legend_is_drawn_in_the_font(font_with_north: Path) -> None:
    own, other = (np.asarray(legend(["ab"], [(9, 9, 9)], 100, font)) for font in (None, str(font_with_north)))
    assert own.shape != other.shape or (own != other).any()


def test_arabic_without_raqm_is_told(dejavu: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check", lambda name: False)
    problem = legend_problem(generic(1, (ROAD,)), Style(font=dejavu))
    assert problem is not None and "cannot join and order" in problem


def test_what_is_no_font_is_told(tmp_path: Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "empty.ttf").touch()
    wrong = {"a.png": "no TrueType", "empty.ttf": "no TrueType", "gone.ttf": "is no file", "": "is no file"}
    for name, message in wrong.items():
        with pytest.raises(ValueError, match=message):
            check_font(tmp_path / name, ())


def test_a_damaged_font_is_told_or_used(font_with_north: Path, tmp_path: Path) -> None:
    whole, random = font_with_north.read_bytes(), np.random.default_rng(0)
    told = set()
    for number in range(200):
        data = bytearray(whole[: int(random.integers(1, len(whole) + 1))] if number % 2 else whole)
        for place in random.integers(0, len(data), 5):
            data[place] = random.integers(256)
        path = tmp_path / f"{number}.ttf"
        path.write_bytes(data)
        try:
            check_font(path, ("ab",))
        except ValueError as error:
            told.add(str(error).partition(":")[0])
        else:
            for width in (100, 1200, 4000):
                legend(["ab"], [(9, 9, 9)], width, str(path))
    assert told == {"is no TrueType or OpenType font, or damaged"}
