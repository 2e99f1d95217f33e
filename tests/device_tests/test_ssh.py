"""A real board, played by a shell here: ssh is replaced by a program that runs the command in another home."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from device_tests import ssh
from device_tests.host import HostError
from device_tests.installs import DEBIAN, LITERT, TFLITE_RUNTIME, Install


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The board's home folder."""
    home, folder = tmp_path / "home", tmp_path / "bin"
    home.mkdir()
    folder.mkdir()
    program = folder / "ssh"
    skip_options = 'while [ "$1" = -o ]; do shift 2; done'
    program.write_text(f'#!/bin/sh\nexport HOME={home}\n{skip_options}\nshift\nexec sh -c "$1"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return home


def test_a_parcel_arrives_and_results_come_back(home: Path, tmp_path: Path) -> None:
    parcel = tmp_path / "parcel"
    (parcel / "models").mkdir(parents=True)
    (parcel / "models" / "a.tflite").write_bytes(b"\0\xff")
    for _ in range(2):  # a second time over the first
        ssh._send("board", parcel)
    arrived = home / ssh._FOLDER / "parcel"
    assert (arrived / "models" / "a.tflite").read_bytes() == b"\0\xff"
    result = home / ssh._FOLDER / "result-litert"
    result.mkdir()
    (result / "probe.json").write_text("{}")
    np.savez(result / "arrays.npz", a=np.arange(3))
    ssh._fetch("board", f"{ssh._FOLDER}/result-litert", tmp_path / "back")
    assert (tmp_path / "back" / "probe.json").read_text() == "{}"
    assert np.load(tmp_path / "back" / "arrays.npz")["a"].tolist() == [0, 1, 2]


@pytest.mark.usefixtures("home")
def test_what_fails_there_is_told_here() -> None:
    with pytest.raises(HostError, match="board ended with status 4: no space left"):
        ssh._remote("board", "echo no space left >&2; exit 4")


@pytest.mark.parametrize("install", [LITERT, TFLITE_RUNTIME, DEBIAN])
def test_the_boards_script_is_one_a_shell_can_read(install: Install) -> None:
    script = ssh.board_script(install)
    subprocess.run(["sh", "-n"], input=script.encode(), check=True)
    assert "'numpy<2'" in script or install is not TFLITE_RUNTIME
    assert ("--system-site-packages" in script) == (install is DEBIAN)
