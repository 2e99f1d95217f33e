"""A Jetson's CSI camera, with a program of the test's in GStreamer's place, and with GStreamer itself."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from itertools import islice
from pathlib import Path

import pytest

from fastscnn_edge.errors import CameraLostError, SourceError
from fastscnn_edge.runtime.cameras.csi_jetson import JetsonCamera, argus_elements
from fastscnn_edge.runtime.cameras.v4l2.modes import ModeRequest

# Writes frames of NV12 to the descriptor of fdsink, chatter to standard output as the camera daemon's library does.
PROGRAM = """#!{python}
import os, re, sys, time
words = " ".join(sys.argv)
width, height = (int(re.search(name + r"=(\\d+)", words).group(1)) for name in ("width", "height"))
out = int(re.search(r"fd=(\\d+)", words).group(1))
print("GST_ARGUS: Creating output stream", flush=True)
for level in {levels}:
    os.write(out, bytes([level]) * (width * height) + bytes([128]) * (width * height // 2))
{ending}
"""


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, levels: list[int], ending: str = "") -> None:
    program = folder / "gst-launch-1.0"
    program.write_text(PROGRAM.format(python=sys.executable, levels=levels, ending=ending))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder))


def test_frames_come_through_the_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, [16, 235], "time.sleep(60)")
    with JetsonCamera(0, ModeRequest(size=(62, 46), rate=15)) as source:
        assert source.mode == "NV12 64x48 at 15 fps"
        frames = list(islice(source, 2))
    assert [frame.rgb.shape for frame in frames] == [(48, 64, 3)] * 2
    assert [int(frame.rgb.min()) for frame in frames] == [int(frame.rgb.max()) for frame in frames] == [0, 255]
    assert [frame.name for frame in frames] == ["frame_000001", "frame_000002"]


@pytest.mark.parametrize("broken", ["_enlarge", "tempfile.TemporaryFile", "subprocess.Popen"])
def test_what_cannot_be_started_leaks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(24, "Too many open files")

    install(tmp_path, monkeypatch, [16])
    monkeypatch.setattr(f"fastscnn_edge.runtime.cameras.csi_jetson.{broken}", fail)
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(SourceError, match="cannot start GStreamer for CSI camera 0: Too many"), JetsonCamera(0):
        pass
    assert set(os.listdir("/proc/self/fd")) == before


def test_a_pipeline_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, [], "print('ERROR: no camera available'); print('freeing'); sys.exit(1)")
    with JetsonCamera(0) as source, pytest.raises(SourceError, match="no camera available") as caught:
        list(source)
    assert not isinstance(caught.value, CameraLostError)  # it never was there, so it is not waited for


def test_a_pipeline_that_ends_is_a_lost_camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, [50])
    with JetsonCamera(0) as source, pytest.raises(CameraLostError, match="pipeline ended"):
        assert len(list(source)) == 1


def test_a_pipeline_that_hangs_is_a_lost_camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, [50], "time.sleep(60)")
    with JetsonCamera(0, stall=0.3) as source, pytest.raises(CameraLostError, match="no frame for"):
        list(source)


def test_stopping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, [50], "time.sleep(60)")
    with JetsonCamera(0) as source:
        frames = iter(source)
        next(frames)
        source.stop()
        assert next(frames, None) is None


def test_without_gstreamer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match="apt install gstreamer"), JetsonCamera(0):
        pass


def test_the_words_of_the_pipeline() -> None:
    words = " ".join(argus_elements(1, 640, 480, 30.0))
    assert "sensor-id=1" in words and "framerate=30/1" in words and "leaky=downstream" in words
    assert "framerate=1/1" in " ".join(argus_elements(0, 640, 480, 0.4))  # 0/1 would be: at any rate
    assert words.endswith("nvvidconv ! video/x-raw,format=NV12,width=640,height=480")


def test_real_gstreamer() -> None:
    """The same pipe with GStreamer's own test picture: layout, size and end of the pipeline are real."""
    if shutil.which("gst-launch-1.0") is None:
        pytest.skip("no gst-launch-1.0 here")

    def elements(index: int, width: int, height: int, rate: float) -> list[str]:
        words = f"videotestsrc pattern=white num-buffers=3 ! video/x-raw,format=NV12,width={width},height={height}"
        return words.split()

    frames = []
    with JetsonCamera(0, ModeRequest(size=(100, 52)), elements=elements) as source, pytest.raises(CameraLostError):
        frames.extend(iter(source))  # keeps what came before the end
    with JetsonCamera(0, ModeRequest(size=(100, 52)), elements=elements) as source:
        frames = list(islice(source, 3))
    assert [frame.rgb.shape for frame in frames] == [(52, 100, 3)] * 3
    assert all(frame.rgb.min() >= 253 for frame in frames)
