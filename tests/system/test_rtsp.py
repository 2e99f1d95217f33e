"""An RTSP camera: GStreamer's server in a process of its own, PyAV on the other side."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from fastscnn_edge.commands.run import main
from fastscnn_edge.errors import CameraLostError, SourceError
from fastscnn_edge.runtime.cameras.network import NetworkSource
from fastscnn_edge.runtime.cameras.reconnect import Reconnecting
from fastscnn_edge.runtime.pipeline.meter import Meter
from fastscnn_edge.runtime.pipeline.pipeline import segment_frames
from tests.helpers.pipeline import segmenter

pytest.importorskip("av", reason="network cameras are read with av")

SERVER = Path(__file__).parents[1] / "helpers" / "rtsp_server.py"
DEBIAN_PYTHON = "/usr/bin/python3"


class Server:
    """The camera's process; it can be killed and started again under the same address."""

    def __init__(self) -> None:
        self._port = "0"
        self.start()

    def start(self) -> None:
        """Ready to be asked when this returns."""
        command = [DEBIAN_PYTHON, str(SERVER), self._port]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None and self.process.stderr is not None
        self._port = self.process.stdout.readline().strip()
        if not self._port:
            complaint = self.process.stderr.read().strip()
            self.kill()
            pytest.skip(complaint.splitlines()[-1] if complaint else "the RTSP server does not start")

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def url(self, path: str, password: str = "secret") -> str:
        return f"rtsp://me:{password}@127.0.0.1:{self._port}/{path}"


@pytest.fixture
def server() -> Iterator[Server]:
    if not Path(DEBIAN_PYTHON).exists():
        pytest.skip(f"no {DEBIAN_PYTHON}, whose GStreamer bindings are needed")
    server = Server()
    yield server
    server.kill()


@pytest.mark.parametrize("codec", ["jpeg", "h264"])
def test_frames_come_at_once_and_in_order(server: Server, codec: str) -> None:
    """Not only from the next key frame on: there are 3 s between two, and opening looks at the first one."""
    with NetworkSource(server.url(codec)) as source:
        opened = time.monotonic()
        frames = list(islice(source, 40))
    assert source.mode == f"{codec.replace('jpeg', 'mjpeg')} 64x48"
    assert [frame.name for frame in frames] == [f"frame_{n:06d}" for n in range(1, 41)]
    assert source.skipped == 0
    assert frames[0].rgb.shape == (48, 64, 3)
    assert frames[0].captured_at - opened < 1
    levels = [int(frame.rgb[24, 32, 1]) for frame in frames]
    assert levels[0] < 40
    assert all(0 <= after - before <= 3 for before, after in itertools.pairwise(levels))


def test_a_slow_network_gets_the_newest_frame(server: Server) -> None:
    levels: list[int] = []
    meter = Meter()
    with NetworkSource(server.url("jpeg")) as source:
        segment_frames(source, segmenter(0.2), meter, lambda frame, _: levels.append(int(frame.rgb[0, 0, 0])), limit=8)
    assert meter.frames == 8
    assert meter.dropped >= 8
    assert levels[-1] - levels[0] > 2 * 7  # the camera went on meanwhile


def test_a_killed_server_is_a_gap_until_it_is_back(server: Server) -> None:
    said: list[str] = []
    with Reconnecting(NetworkSource(server.url("h264")), 30, said.append) as source:
        frames = iter(source)
        assert len(list(islice(frames, 5))) == 5
        server.kill()
        back = threading.Timer(1, server.start)
        back.start()
        assert [frame.name for frame in islice(frames, 40)][-1] == "frame_000045"
        back.join()
    assert [gap.seconds > 0.5 for gap in source.outages.kept] == [True]
    assert len(said) == 2 and "waiting 30 s" in said[0] and "back after" in said[1]
    assert "secret" not in " ".join([*said, source.outages.kept[0].reason])


def test_a_server_that_hangs_is_a_lost_camera(server: Server) -> None:
    with NetworkSource(server.url("jpeg"), stall=0.5) as source, pytest.raises(CameraLostError):
        for number, _ in enumerate(source):
            if number == 3:
                server.process.send_signal(signal.SIGSTOP)


def test_why_it_does_not_open(server: Server) -> None:
    for url, reason in ((server.url("jpeg", "wrong"), "401"), (server.url("nothing"), "404")):
        with pytest.raises(SourceError, match=reason) as caught, NetworkSource(url):
            pass
        assert "wrong" not in str(caught.value) and "secret" not in str(caught.value)


def test_a_run_with_its_report(server: Server, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    assert main(["--camera", server.url("h264"), "--frames", "5", "--headless", "--report", str(report)]) == 0
    data = json.loads(report.read_text())
    assert (data["frames"], data["source"]["mode"]) == (5, "h264 64x48")
    assert not [path.name for path in tmp_path.iterdir() if "secret" in path.read_text()]
