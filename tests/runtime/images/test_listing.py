"""Which files of a folder are pictures, and in which order."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from fastscnn_edge.runtime.images import list_images
from fastscnn_edge.runtime.images.listing import natural_order


def test_numbers_count_as_numbers(tmp_path: Path) -> None:
    for name in ("10.png", "9.png", "frame_2.jpg", "frame_10.jpg", "B.png", "a.png", "1.PNG"):
        (tmp_path / name).touch()
    names = [path.name for path in list_images(tmp_path)]
    assert names == ["1.PNG", "9.png", "10.png", "B.png", "a.png", "frame_2.jpg", "frame_10.jpg"]


def test_what_file_managers_and_archives_leave_is_no_picture(tmp_path: Path) -> None:
    for folder in (".thumbnails", "__MACOSX", "b.png"):
        (tmp_path / folder).mkdir()
    for name in ("a.png", "._a.png", ".hidden.jpg", ".thumbnails/x.png", "__MACOSX/y.png", "notes.txt", "b.png/z.png"):
        (tmp_path / name).touch()
    assert [path.name for path in list_images(tmp_path)] == ["a.png"]
    assert [path.name for path in list_images(tmp_path, recursive=True)] == ["a.png", "z.png"]


@given(st.lists(st.text(max_size=12), unique=True))
def test_any_names_have_one_order(names: list[str]) -> None:
    keys = [natural_order(name) for name in names]
    assert len(set(keys)) == len(names)
    assert sorted(keys) == sorted(sorted(keys, reverse=True))
