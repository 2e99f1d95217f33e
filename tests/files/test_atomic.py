"""Files are whole or absent."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path

import pytest

from fastscnn_edge.errors import OutputError
from fastscnn_edge.files import atomic_path, sha256, write_text
from fastscnn_edge.files.atomic import ReservedFile


def test_appears_only_when_the_body_succeeds(tmp_path: Path) -> None:
    target = tmp_path / "new" / "result.txt"
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert list(target.parent.iterdir()) == []
    write_text(target, "whole")
    assert target.read_text() == "whole"
    assert list(target.parent.iterdir()) == [target]


def test_an_old_file_survives_a_failure(tmp_path: Path) -> None:
    target = tmp_path / "result.txt"
    write_text(target, "old")
    with pytest.raises(RuntimeError), atomic_path(target):
        raise RuntimeError
    assert target.read_text() == "old"


def test_unwritable_places_are_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        write_text(tmp_path / "file" / "result.txt", "x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="cannot write"):
        write_text(tmp_path / "folder", "x")


def test_follows_the_umask(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("x")
    write_text(tmp_path / "ours", "x")
    assert (tmp_path / "ours").stat().st_mode == plain.stat().st_mode


def test_sha256(tmp_path: Path) -> None:
    data = bytes(range(256)) * 9000
    (tmp_path / "data").write_bytes(data)
    assert sha256(tmp_path / "data") == hashlib.sha256(data).hexdigest()


def test_a_pipe_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OutputError, match="not a regular file"):
        write_text(tmp_path / "pipe", "x")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_device_is_not_replaced_by_a_file() -> None:
    with pytest.raises(OutputError, match="not a regular file"):
        write_text("/dev/stdout-that-is-not-there", "x")


def test_a_reserved_file_is_as_long_as_its_content(tmp_path: Path) -> None:
    for size, data in ((100_000, b"short"), (3, b"longer than expected"), (10, b"")):
        file = ReservedFile(tmp_path / "r.json", size)
        file.write(data)
        assert (tmp_path / "r.json").read_bytes() == data
    assert [p.name for p in tmp_path.iterdir()] == ["r.json"]


def test_space_is_reserved_where_the_file_system_cannot_allocate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    file = ReservedFile(tmp_path / "r.json", 200_000)
    (held,) = tmp_path.iterdir()
    assert held.stat().st_blocks * 512 >= 200_000
    file.write(b"x")
    assert (tmp_path / "r.json").read_bytes() == b"x"


def test_a_disk_without_room_for_the_report_says_so_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot write .*r\.json: .*; it needs 9000000000000\.0 MB"):
        ReservedFile(tmp_path / "r.json", 9 * 10**18)
    assert not list(tmp_path.iterdir())


def test_a_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "real.csv"
    target.parent.mkdir()
    target.write_text("old")
    link = tmp_path / "link.csv"
    link.symlink_to(target)
    write_text(link, "new")
    assert link.is_symlink() and target.read_text() == "new"
