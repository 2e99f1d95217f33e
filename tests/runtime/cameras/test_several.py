"""Several cameras as one source: fair turns, names, one that goes away."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest

from fastscnn_edge.errors import CameraLostError
from fastscnn_edge.runtime.cameras.several import SeveralCameras
from fastscnn_edge.runtime.frames import Frame
from fastscnn_edge.runtime.pipeline.meter import Meter
from fastscnn_edge.runtime.pipeline.pipeline import segment_frames
from fastscnn_edge.runtime.pipeline.segmenter import Segmenter
from fastscnn_edge.runtime.sources.base import Outage, SourceState
from fastscnn_edge.testing import FakeEngine
from tests.helpers import tiny


class Camera(SourceState):
    """Delivers ``count`` frames, one every ``pace`` seconds, then ends or raises."""

    kind, moving, live = "camera", True, True

    def __init__(self, count: int, pace: float, error: Exception | None = None) -> None:
        super().__init__()
        self.count, self.pace, self.error = count, pace, error
        self.mode = "fake"
        self.entered = self.left = self.stopped = False

    def __enter__(self) -> Camera:
        self.entered = True
        return self

    def stop(self) -> None:
        self.stopped = True

    def _close(self) -> None:
        self.left = True

    def __iter__(self) -> Iterator[Frame]:
        for number in range(self.count):
            time.sleep(self.pace)
            if self.stopped:
                return
            yield Frame(np.zeros((4, 4, 3), np.uint8), f"frame_{number:06d}", time.monotonic())
        if self.error is not None:
            raise self.error


def test_a_fast_camera_does_not_crowd_out_a_slow_one() -> None:
    with SeveralCameras({"fast": Camera(10_000, 0.001), "slow": Camera(10_000, 0.01)}) as source:
        seen = []
        for frame in islice(source, 40):
            seen.append(frame.camera)
            time.sleep(0.02)  # the network is the bottleneck
    counts = Counter(seen)
    assert min(counts.values()) >= 15
    assert source.replaced["fast"] > source.replaced["slow"]
    assert source.dropped == sum(source.replaced.values())


def test_frames_carry_their_cameras_name() -> None:
    with SeveralCameras({"a": Camera(1, 0), "b": Camera(1, 0.05)}) as source:
        assert {(frame.camera, frame.name) for frame in source} == {("a", "a_frame_000000"), ("b", "b_frame_000000")}
    assert source.mode == "a: fake; b: fake"


def test_one_that_goes_away_is_said_and_the_others_go_on() -> None:
    said: list[str] = []
    cameras = {"gone": Camera(2, 0, CameraLostError("unplugged")), "here": Camera(20, 0.01)}
    with SeveralCameras(cameras, said.append) as source:
        counts = Counter(frame.camera for frame in source)
    assert counts["here"] >= 18
    assert said == ["camera gone is gone: unplugged; the others go on"]


def test_the_last_ones_error_is_raised() -> None:
    said: list[str] = []
    cameras = {name: Camera(1, 0.02 * number, CameraLostError(name)) for number, name in enumerate("ab")}
    with SeveralCameras(cameras, said.append) as source, pytest.raises(CameraLostError, match="b"):
        list(source)
    assert len(said) == 1


def test_leaving_stops_and_closes_all() -> None:
    cameras = {"a": Camera(10_000, 0.005), "b": Camera(10_000, 0.005)}
    with SeveralCameras(cameras) as source:
        next(iter(source))
    assert all(camera.left and camera.stopped for camera in cameras.values())


def test_one_that_cannot_be_opened_closes_the_others() -> None:
    class Broken(Camera):
        def __enter__(self) -> Camera:
            raise CameraLostError("busy")

    first = Camera(1, 0)
    with pytest.raises(CameraLostError, match="busy"), SeveralCameras({"a": first, "b": Broken(1, 0)}):
        pass
    assert first.left


def test_outages_of_all_are_counted() -> None:
    cameras = {"a": Camera(1, 0), "b": Camera(1, 0)}
    for camera in cameras.values():
        camera.outages.add(Outage(1.0, 2.0, "unplugged"))
    outages = SeveralCameras(cameras).outages
    assert (outages.count, outages.seconds, len(outages.kept)) == (2, 4.0, 2)


def test_turns_are_fair_through_the_pipeline() -> None:
    """The slow network takes both cameras' frames alike, although one has ten times as many."""
    spec = tiny.spec()
    logits = np.zeros((8, 12, 11), np.float32)

    class SlowEngine(FakeEngine):
        def invoke(self) -> None:
            time.sleep(0.02)
            super().invoke()

    meter = Meter()
    with SeveralCameras({"fast": Camera(10_000, 0.001), "slow": Camera(10_000, 0.01)}) as source:
        segment_frames(source, Segmenter(engine=SlowEngine(spec, logits)), meter, lambda _result: None, limit=40)
    counts = {name: kept.seen for name, kept in meter.by_camera.items()}
    assert sum(counts.values()) == 40
    assert min(counts.values()) >= 15
