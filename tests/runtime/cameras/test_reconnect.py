"""A camera that goes away and comes back, or does not."""

from __future__ import annotations

import threading
import time
from itertools import islice
from pathlib import Path

import pytest

from fastscnn_edge.errors import CameraLostError, SourceError
from fastscnn_edge.runtime.cameras import reconnect
from fastscnn_edge.runtime.cameras.reconnect import Reconnecting
from fastscnn_edge.runtime.cameras.v4l2.camera import V4L2Camera
from fastscnn_edge.runtime.sources import base as sources
from fastscnn_edge.testing.v4l2 import FakeCamera, Fault
from tests.helpers.cameras import GREY, VIDEO0, webcam


def reconnecting(fake: FakeCamera, seconds: float, said: list[str]) -> Reconnecting:
    camera = V4L2Camera(VIDEO0, GREY, stall=0.3, open_device=fake.open)
    return Reconnecting(camera, seconds, said.append)


@pytest.mark.parametrize(("fault", "reason"), [(Fault.UNPLUGGED, "went away"), (Fault.STALLED, "no whole frame")])
def test_an_outage_is_bridged_and_kept(fault: Fault, reason: str) -> None:
    said: list[str] = []
    fake = webcam(faults={2: fault, 5: fault}, away=0.6)
    with reconnecting(fake, 20, said) as source:
        names = [frame.name for frame in islice(source, 8)]
    assert names == [f"frame_{n:06d}" for n in range(1, 9)]
    assert [reason in gap.reason for gap in source.outages.kept] == [True, True]
    assert all(gap.seconds > 0.1 for gap in source.outages.kept)
    assert source.outages.kept[0].at < source.outages.kept[1].at
    assert len(said) == 4  # gone, back, gone, back
    assert "waiting 20 s" in said[0] and "back after" in said[1]
    assert fake.opened == fake.closed


def test_one_that_breaks_off_all_the_time_fills_neither_log_nor_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconnect, "_FIRST_WAIT", 0.01)
    monkeypatch.setattr(sources, "KEPT_OUTAGES", 8)
    said: list[str] = []
    outages = 20
    fake = webcam(faults=dict.fromkeys(range(1, outages + 1), Fault.UNPLUGGED), away=0.01)
    with reconnecting(fake, 20, said) as source:
        for _ in islice(source, outages + 1):
            pass
        assert source.outages.count == outages
        assert len(source.outages.kept) == 8
        assert source.outages.seconds > sum(gap.seconds for gap in source.outages.kept)
        assert len(said) == 10  # five times gone and back
        monkeypatch.setattr(reconnect, "_LOG_INTERVAL", 0.0)
        fake.faults[fake.number] = Fault.UNPLUGGED
        assert next(iter(source)) is not None
    assert f"({outages - 5} more outages since the last message)" in said[-2]


def test_it_does_not_come_back() -> None:
    said: list[str] = []
    source = reconnecting(webcam(faults={2: Fault.UNPLUGGED}, away=60), 0.5, said)
    with source, pytest.raises(CameraLostError, match=r"did not come back within 0\.5 s"):
        list(source)
    assert len(said) == 1
    assert source.outages.count == 1


def test_zero_does_not_wait() -> None:
    said: list[str] = []
    source = reconnecting(webcam(faults={2: Fault.UNPLUGGED}), 0, said)
    with source, pytest.raises(CameraLostError, match="went away"):
        list(source)
    assert not said


def test_a_camera_that_never_was_is_not_waited_for() -> None:
    said: list[str] = []
    camera = V4L2Camera(Path("/dev/video97"), GREY)
    began = time.monotonic()
    with pytest.raises(SourceError), Reconnecting(camera, 60, said.append):
        pass
    assert time.monotonic() - began < 30
    assert not said


def test_stopping_ends_the_wait_for_it() -> None:
    said: list[str] = []
    source = reconnecting(webcam(faults={1: Fault.UNPLUGGED}, away=600), 600, said)
    timer = threading.Timer(0.4, source.stop)
    with source:
        timer.start()
        assert len(list(source)) == 1
    timer.join()
    assert (source.kind, source.mode) == ("camera", "YUYV 64x48 at 30 fps")


def test_one_that_opens_but_stays_silent_is_one_outage() -> None:
    """Opening alone proves nothing: some drivers open without a sensor behind them."""
    said: list[str] = []
    fake = webcam(faults={2: Fault.STALLED}, away=60)
    fake.away = 60
    source = reconnecting(fake, 1.0, said)
    opened = fake.open

    def open_silent(path: Path):  # type: ignore[no-untyped-def]
        fake.faults.setdefault(fake.number, Fault.STALLED)
        return opened(path)

    with source:
        source._camera._open_device = open_silent  # type: ignore[attr-defined]
        with pytest.raises(CameraLostError, match="did not come back within 1 s"):
            list(source)
    assert len(said) == 1
    assert source.outages.count == 1
    assert fake.opened == fake.closed > 1


def test_a_watchdog_learns_of_each_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or systemd would kill the very process that waits for the camera."""
    monkeypatch.setattr(reconnect, "_FIRST_WAIT", 0.02)
    fake, alive = webcam(faults={2: Fault.UNPLUGGED}, away=0.3), []
    camera = V4L2Camera(VIDEO0, GREY, stall=0.3, open_device=fake.open)
    with Reconnecting(camera, 20, lambda _: None, waiting=lambda: alive.append(1)) as source:
        list(islice(source, 3))
    assert len(alive) >= 2
