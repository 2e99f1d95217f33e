"""systemd is told, where it listens."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from fastscnn_edge.cli.systemd import notify
from fastscnn_edge.commands.run import main


def listener(address: str) -> socket.socket:
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    channel.bind(address)
    channel.settimeout(5)
    return channel


@pytest.mark.parametrize("abstract", [False, True])
def test_the_message_arrives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool) -> None:
    path = str(tmp_path / "s")
    with listener("\0" + path if abstract else path) as channel:
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + path if abstract else path)
        assert notify("WATCHDOG=1")
        assert channel.recv(100) == b"WATCHDOG=1"


def test_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    assert not notify("READY=1")


def test_a_run_reports_each_frame(
    tmp_path: Path, tiny_model: Path, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listener(str(tmp_path / "s")) as channel:
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "s"))
        assert main(["--source", str(image), "--model", str(tiny_model), "--frames", "3"]) == 0
        messages = [channel.recv(100).decode().split() for _ in range(3)]
    assert all("WATCHDOG=1" in message for message in messages)
    assert "READY=1" in messages[0]
