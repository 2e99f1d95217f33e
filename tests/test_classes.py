from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastscnn_edge.classes import (
    CAMVID,
    CITYSCAPES,
    generic,
    load_classes,
    parse_classes,
    with_background,
    with_palette,
)
from fastscnn_edge.files import reading
from fastscnn_edge.spec import ClassSet


def test_names_alone_get_colors() -> None:
    assert parse_classes("# mine\nroad\n\n  grass  \n") == generic(2, ("road", "grass"))


def test_names_with_colors() -> None:
    wanted = ClassSet(("road", "tall grass, wet"), ((1, 2, 3), (255, 0, 7)))
    assert parse_classes("road, 1, 2, 3\ntall grass, wet,255,0,7\n") == wanted
    assert parse_classes("Name, R, G, B\nroad;1;2;3\ntall grass, wet\t255\t0\t7") == wanted


def test_names_of_a_known_set_get_its_colors() -> None:
    assert parse_classes("\n".join(CITYSCAPES.labels)) == CITYSCAPES
    assert with_palette(CAMVID.labels) == CAMVID


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "names 0 classes"),
        ("\n".join(map(str, range(256))), "names 256 classes"),
        ("a\nb\na", "names the class 'a' twice"),
        ("a,1,2,3\nb", "has a line without a color, 2: 'b'"),
        ("# colors\n\na,1,2,300", "has in line 3, 'a,1,2,300', no color: write NAME, RED, GREEN, BLUE, each 0..255"),
        ("road,1,2,3\nx, 300,1,1", "has in line 2, 'x, 300,1,1'"),
        ("road\nx, 3,1", "has in line 2, 'x, 3,1'"),
        ("x,-1,2,3", "has in line 1"),
        ("x,1,2,3,4", "has in line 1"),
        ("x,0.5,0.2,0.1", "has in line 1"),
    ],
)
def test_unusable_lists_say_why(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_classes(text)


@given(st.text())
def test_any_text_is_a_class_set_or_a_value_error(text: str) -> None:
    try:
        classes = parse_classes(text)
    except ValueError:
        return
    assert len(set(classes.labels)) == len(classes) == len(classes.palette)


def test_known_by_name_or_read_from_a_file(tmp_path: Path) -> None:
    assert load_classes("Cityscapes") is CITYSCAPES
    (tmp_path / "c.txt").write_text("road\n")
    assert load_classes(tmp_path / "c.txt") == generic(1, ("road",))


@pytest.mark.parametrize("name", ["nothing", ".", "/dev/zero", "binary"])
def test_what_is_no_list_is_said_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=f"^{name} .*cityscapes and camvid are known by name"):
        load_classes(name)


def test_a_pipe_that_nobody_writes_into_does_not_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_PIPE_WAIT", 0.1)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe cannot be read: it is a pipe, and nothing is written into it"):
        load_classes(tmp_path / "pipe")


def test_a_pipe_that_a_program_writes_into_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["sh", "-c", f"echo road > '{tmp_path}/pipe'"]):
        assert load_classes(tmp_path / "pipe") == generic(1, ("road",))


def test_a_single_class_gets_a_background() -> None:
    lane = generic(1, ("lane",))
    assert with_background(lane, 2).labels == ("background", "lane")
    assert with_background(lane, 1) is lane
    assert with_background(CAMVID, 11) is CAMVID
