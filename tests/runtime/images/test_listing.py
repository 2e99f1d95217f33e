"""Which files of a folder are pictures, and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastscnn_edge.errors import SourceError
from fastscnn_edge.runtime.images import list_images, unique_names
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


def test_what_is_passed_over_is_counted_once(tmp_path: Path) -> None:
    for name in ("a.png", "b.heic", "c.heic", "notes.txt", "README", ".DS_Store"):
        (tmp_path / name).touch()
    said: list[str] = []
    assert len(list_images(tmp_path, warn=said.append)) == 1
    assert said == [f"passed over in {tmp_path}: 2 .heic, 1 .txt, 1 without suffix, 1 hidden; 1 picture found"]
    said.clear()
    for name in ("b.heic", "c.heic", "notes.txt", "README"):
        (tmp_path / name).unlink()
    list_images(tmp_path, warn=said.append)
    assert not said


def test_a_folder_whose_pictures_are_deeper_says_where(tmp_path: Path) -> None:
    (tmp_path / "train" / "images").mkdir(parents=True)
    (tmp_path / "train" / "images" / "a.png").touch()
    with pytest.raises(SourceError, match=r"contains no pictures itself, but .*train/images does: .* --recursive"):
        list_images(tmp_path)
    assert len(list_images(tmp_path, recursive=True)) == 1


def test_links_to_folders_are_followed_once_and_broken_ones_counted(tmp_path: Path) -> None:
    photos, elsewhere = tmp_path / "photos", tmp_path / "elsewhere"
    for folder in (photos / "2026", elsewhere):
        folder.mkdir(parents=True)
        (folder / "a.png").touch()
    (photos / "card").symlink_to(elsewhere)
    (photos / "again").symlink_to(photos / "2026")
    (photos / "2026" / "up").symlink_to(photos)
    (elsewhere / "back").symlink_to(photos)
    (photos / "gone.png").symlink_to(tmp_path / "nothing.png")
    (photos / "loop.png").symlink_to(photos / "loop.png")
    said: list[str] = []
    found = list_images(photos, recursive=True, warn=said.append)
    assert [path.relative_to(photos).as_posix() for path in found] == ["2026/a.png", "card/a.png"]
    assert said == [f"passed over in {photos}: 2 broken links; 2 pictures found"]


def test_a_folder_without_pictures_says_what_pictures_are(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"contains no pictures \(\.apng"):
        list_images(tmp_path)


def test_results_of_files_of_one_name_have_names_of_their_own(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.png", "b.png", "b.jpg", "x/c.png", "y/c.png")]
    assert unique_names(paths) == ["a", "b.png", "b.jpg", "x_c.png", "y_c.png"]


@given(st.lists(st.text(max_size=12), unique=True))
def test_any_names_have_one_order(names: list[str]) -> None:
    keys = [natural_order(name) for name in names]
    assert len(set(keys)) == len(names)
    assert sorted(keys) == sorted(sorted(keys, reverse=True))


@given(st.lists(st.sampled_from(["x.png", "x.jpg", "x.png.png", "a_x.png", "a/x.png", "a/b/x.jpg", "a_b/x.jpg"])))
def test_no_two_results_share_a_name(names: list[str]) -> None:
    found = unique_names([Path("/photos", name) for name in names])
    assert len(found) == len(set(found)) == len(names)
