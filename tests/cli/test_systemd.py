"""systemd is told, where it listens."""

from __future__ import annotations

import re
import socket
import time
from itertools import islice, pairwise
from pathlib import Path

import pytest

from fastscnn_edge.cli.systemd import notify
from fastscnn_edge.commands.run import main
from fastscnn_edge.runtime.cameras import network, reconnect
from fastscnn_edge.runtime.cameras.reconnect import Reconnecting
from fastscnn_edge.runtime.cameras.v4l2.camera import V4L2Camera
from fastscnn_edge.testing.v4l2 import Fault
from tests.helpers.cameras import GREY, VIDEO0, webcam


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


UNIT = (Path(__file__).parents[2] / "examples/fastscnn-edge.service").read_text()


def unit_seconds(option: str) -> float:
    found = re.search(rf"{option}[= ](\d+)", UNIT)
    assert found
    return float(found[1])


@pytest.mark.slow
def test_a_camera_that_is_gone_for_long_leaves_the_service_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The waits between two attempts grow for eight seconds, so a quarter of a minute shows the longest ones."""
    fake = webcam(faults={3: Fault.UNPLUGGED}, away=16)
    camera = V4L2Camera(VIDEO0, GREY, open_device=fake.open)
    with listener(str(tmp_path / "s")) as channel:
        channel.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "s"))
        at: list[float] = []

        def waiting() -> None:
            assert notify("WATCHDOG=1")
            assert channel.recv(100) == b"WATCHDOG=1"
            at.append(time.monotonic())

        with Reconnecting(camera, unit_seconds("--reconnect"), lambda _: None, waiting) as source:
            assert len(list(islice(source, 6))) == 6
    assert at[-1] - at[0] > 12
    assert max(late - early for early, late in pairwise(at)) < 6


def test_the_unit_s_watchdog_waits_longer_than_any_attempt_to_reopen_a_camera() -> None:
    between_messages = network._OPEN_TIMEOUT + reconnect._LONGEST_WAIT
    assert unit_seconds("WatchdogSec") > 2 * between_messages
    assert unit_seconds("--reconnect") > 3600
