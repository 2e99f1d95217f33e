"""The boundary of the program: whatever goes wrong is one line and a status."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fastscnn_edge.cli.command import guarded
from fastscnn_edge.errors import SourceError


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (SourceError("no such picture"), "no such picture"),
        (MemoryError(), "there is not enough memory"),
        (OSError(36, "File name too long", "a" * 10), "cannot use aaaaaaaaaa: File name too long"),
        (OSError(28, "No space left on device"), "cannot write the output: No space left on device"),
        (ModuleNotFoundError("No module named 'torch'", name="torch.nn"), "[export]'"),
        (ZeroDivisionError("division by zero"), "unexpected ZeroDivisionError: division by zero; this is a bug"),
        (RecursionError(), "unexpected RecursionError; this is a bug"),
        (ValueError("\x1b]0;owned\x07"), "\\x1b]0;owned\\x07"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_every_error_is_one_line(error: Exception, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    def body() -> int:
        raise error

    assert guarded(body) == 2
    printed = capsys.readouterr().err
    assert words in printed and printed.count("\n") == 1 and "Traceback" not in printed


def test_a_bug_shows_its_traceback_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTSCNN_EDGE_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        guarded(lambda: 1 // 0)
    assert guarded(lambda: (_ for _ in ()).throw(SourceError("theirs"))) == 2


@pytest.mark.parametrize("closed", ["2>&-", ">&-", ">&- 2>&-", "0<&- >&- 2>&-"])
def test_closed_streams_are_no_error(tiny_model: Path, image: Path, closed: str) -> None:
    command = f'"{sys.executable}" -m fastscnn_edge run --model "{tiny_model}" --source "{image}" {closed}'
    assert subprocess.run(["sh", "-c", command], timeout=60, check=False).returncode == 0
    wrong = f'"{sys.executable}" -m fastscnn_edge run --model "{tiny_model}" --source absent.png {closed}'
    assert subprocess.run(["sh", "-c", wrong], timeout=60, check=False).returncode == 2


@pytest.mark.parametrize("name", [b"stra\xdfe.png", b"a:b.png", b"\x1b[31m.png", b"a\nb.png", "straße.png".encode()])
def test_any_file_name_is_a_picture_s(tiny_model: Path, image: Path, tmp_path: Path, name: bytes) -> None:
    folder = os.fsencode(tmp_path / "pictures")
    os.mkdir(folder)
    path = os.path.join(folder, name)
    os.rename(image, path)
    out, report = tmp_path / "out", tmp_path / "r.json"
    for source in (path, folder):
        command = [sys.executable, "-m", "fastscnn_edge", "run", "--model", tiny_model, "--source", source]
        command += ["--out", out, "--report", report, "--csv", tmp_path / "a.csv", "--lines"]
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        done = subprocess.run(command, capture_output=True, timeout=60, check=False, env=environment)
        assert done.returncode == 0, done.stderr
        assert b"\x1b" not in done.stdout + done.stderr + report.read_bytes()
        assert {p.name for p in tmp_path.iterdir()} >= {"r.json", "r.md", "r.html", "a.csv"}
    assert len(list(out.iterdir())) == 2


@pytest.mark.parametrize("name", ["x" * 5000, "x" * 300 + ".png", "a\0b.png", "", "folder/" * 600])
@pytest.mark.parametrize("option", ["--source", "--model", "--out", "--report", "--camera"])
def test_no_name_brings_a_traceback(
    tiny_model: Path, image: Path, option: str, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    from fastscnn_edge.cli.main import main

    options = {"--source": str(image), "--model": str(tiny_model)}
    if option == "--camera":
        del options["--source"]
    options[option] = name
    words = ["run", "--headless", *(word for pair in options.items() for word in pair)]
    try:
        status = main(words)
    except SystemExit as stop:  # argparse
        status = int(str(stop.code))
    printed = capfd.readouterr().err
    assert status == 2 or (option == "--out" and status == 0), printed
    assert "Traceback" not in printed and "this is a bug" not in printed
