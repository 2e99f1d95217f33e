"""A Raspberry Pi's CSI camera, with a module of the test's in picamera2's place."""

from __future__ import annotations

import concurrent.futures
import sys
import time
from itertools import islice
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from fastscnn_edge.errors import CameraLostError, SourceError
from fastscnn_edge.runtime.cameras.csi_pi import PiCamera, monotonic_of
from fastscnn_edge.runtime.cameras.v4l2.modes import ModeRequest
from tests.helpers import random_image

PICTURE = random_image(48, 64)


class FakeRequest:
    def __init__(self, log: list[str]) -> None:
        self._log = log
        padded = np.pad(PICTURE.reshape(48, 192), ((0, 0), (0, 64)))  # libcamera pads rows
        self.array = padded[:, :192].reshape(48, 64, 3)

    def get_metadata(self) -> dict[str, Any]:
        return {"SensorTimestamp": time.clock_gettime_ns(time.CLOCK_BOOTTIME) - 20_000_000}

    def release(self) -> None:
        self._log.append("released")


class FakeMapped:
    def __init__(self, request: FakeRequest, stream: str) -> None:
        assert stream == "main"
        self.array = request.array

    def __enter__(self) -> FakeMapped:
        return self

    def __exit__(self, *error: object) -> None:
        return None


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the fake was told, and how many frames it still has."""
    state: dict[str, Any] = {"log": [], "frames": 1_000_000}

    class Picamera2:
        def __init__(self, index: int) -> None:
            if state.get("busy"):
                raise RuntimeError("Failed to acquire camera: Device or resource busy")
            state["index"] = index

        @staticmethod
        def global_camera_info() -> list[dict[str, Any]]:
            return [{"Model": "imx708", "Num": 0}, {"Model": "imx219", "Num": 1}]

        def create_video_configuration(self, **words: Any) -> dict[str, Any]:
            return words

        def configure(self, configuration: dict[str, Any]) -> None:
            state["configuration"] = configuration

        def start(self) -> None:
            state["log"].append("started")

        def capture_request(self, wait: bool) -> str:
            assert not wait
            return "job"

        def wait(self, job: str, timeout: float) -> FakeRequest:
            if not state["frames"]:
                time.sleep(0.05)
                raise state.get("timeout", TimeoutError)
            state["frames"] -= 1
            return FakeRequest(state["log"])

        def close(self) -> None:
            state["log"].append("closed")

    module = ModuleType("picamera2")
    module.Picamera2, module.MappedArray = Picamera2, FakeMapped  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "picamera2", module)
    return state


def test_frames_and_their_time(library: dict[str, Any]) -> None:
    with PiCamera(1, ModeRequest(size=(64, 48), rate=25)) as source:
        assert source.mode == "RGB 64x48 at 25 fps"
        frames = list(islice(source, 3))
    for frame in frames:
        np.testing.assert_array_equal(frame.rgb, PICTURE)
        assert 0.015 < time.monotonic() - frame.captured_at < 5
    configuration = library["configuration"]
    assert configuration["main"] == {"size": (64, 48), "format": "BGR888"}  # R, G, B in memory
    assert configuration["controls"] == {"FrameRate": 25}
    assert library["log"] == ["started", *["released"] * 3, "closed"]
    assert library["index"] == 1


def test_without_a_size_the_models_own_is_taken(library: dict[str, Any]) -> None:
    with PiCamera(0, ModeRequest(minimum_size=(480, 360))):
        assert library["configuration"]["main"]["size"] == (480, 360)


def test_no_frame_is_a_lost_camera(library: dict[str, Any]) -> None:
    library["frames"] = 2
    with PiCamera(0, stall=0.2) as source, pytest.raises(CameraLostError, match="no frame for"):
        list(source)
    assert library["log"][-1] == "closed"


def test_stopping(library: dict[str, Any]) -> None:
    library["frames"] = 1
    with PiCamera(0, stall=60) as source:
        frames = iter(source)
        next(frames)
        source.stop()
        assert next(frames, None) is None


def test_what_does_not_open(library: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceError, match=r"no CSI camera 2: libcamera sees 2.*ribbon cable"), PiCamera(2):
        pass
    library["busy"] = True
    with pytest.raises(SourceError, match="another program"), PiCamera(0):
        pass
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(SourceError, match="apt install python3-picamera2"), PiCamera(0):
        pass


def test_the_timeout_of_futures_before_python_3_11(library: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    class OldTimeoutError(Exception):
        """What concurrent.futures raised until it became the built-in one."""

    monkeypatch.setattr(concurrent.futures, "TimeoutError", OldTimeoutError)
    library.update(frames=2, timeout=OldTimeoutError)
    with PiCamera(0, stall=0.2) as source, pytest.raises(CameraLostError, match="no frame for"):
        list(source)


def test_the_clock_of_libcamera() -> None:
    assert monotonic_of(None) is None
    now = monotonic_of(time.clock_gettime_ns(time.CLOCK_BOOTTIME))
    assert now is not None and abs(now - time.monotonic()) < 1


def test_the_clock_of_libcamera_after_an_hour_of_suspend(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its clock counts the hour, ours does not: a frame just taken is not from the future."""
    monkeypatch.setattr(time, "clock_gettime", lambda clock: time.monotonic() + 3600)
    now = monotonic_of(round((time.monotonic() + 3600) * 1e9))
    assert now is not None and abs(now - time.monotonic()) < 1
