"""Capture, inference and output side by side: what is kept, what is dropped, how it ends."""

from __future__ import annotations

import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from fastscnn_edge.errors import CameraLostError, OutputError
from fastscnn_edge.runtime.cameras.reconnect import Reconnecting
from fastscnn_edge.runtime.cameras.v4l2.camera import V4L2Camera
from fastscnn_edge.runtime.cameras.v4l2.modes import Mode, ModeRequest
from fastscnn_edge.runtime.frame_pool import LIVE_FRAMES
from fastscnn_edge.runtime.frames import SegmentedFrame
from fastscnn_edge.runtime.pipeline.meter import Meter
from fastscnn_edge.runtime.pipeline.pipeline import segment_frames
from fastscnn_edge.testing.fakes import FakeSource
from fastscnn_edge.testing.v4l2 import FakeCamera, Fault
from tests.helpers import random_image
from tests.helpers.cameras import VIDEO0, gray, webcam
from tests.helpers.pipeline import segmenter

PICTURE = random_image(64, 96)

Write = Callable[[SegmentedFrame], None]


def discard(result: SegmentedFrame) -> None:
    """Nothing is drawn."""


def endless(pause: float) -> Iterator[np.ndarray]:
    while True:
        time.sleep(pause)
        yield PICTURE


def run(source: FakeSource, write: Write = discard, delay: float = 0.0, **options) -> Meter:
    meter = Meter()
    with source:
        segment_frames(source, segmenter(delay), meter, write, **options)
    return meter


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def test_a_file_gives_every_frame_however_slow_the_output() -> None:
    drawn: list[str] = []

    def slow(result: SegmentedFrame) -> None:
        time.sleep(0.01)
        drawn.append(result.frame.name)

    meter = run(FakeSource([PICTURE] * 20, "video"), slow)
    assert drawn == [f"frame_{n:06d}" for n in range(1, 21)]
    assert (meter.frames, meter.dropped, meter.undrawn) == (20, 0, 0)


def test_a_slow_network_gets_the_newest_frame() -> None:
    latest: list[int] = []
    count = 0

    def frames() -> Iterator[np.ndarray]:
        nonlocal count
        for image in endless(0.002):
            count += 1
            yield image

    meter = run(
        FakeSource(frames(), live=True),
        lambda result: latest.append(count - int(result.frame.name[6:])),
        delay=0.05,
        limit=6,
    )
    assert meter.frames == 6
    assert meter.dropped > 6
    assert meter.dropped + meter.frames <= count
    # A frame is as old as the one inference it waited for, not as the whole run.
    assert sorted(meter.latency)[3] < 3 * sorted(meter.samples["invoke"])[3]


def test_a_slow_output_does_not_hold_up_a_camera() -> None:
    release = threading.Event()
    drawn: list[str] = []

    def stuck(result: SegmentedFrame) -> None:
        release.wait(20)
        drawn.append(result.frame.name)

    segmented: list[int] = []
    meter = Meter()
    source = FakeSource(endless(0.001), live=True)

    def stopped() -> bool:
        segmented.append(1)
        if len(segmented) > 40:
            release.set()
            return True
        return False

    with source:
        segment_frames(source, segmenter(), meter, stuck, stopped=stopped)
    assert meter.undrawn > 0
    assert meter.frames == meter.undrawn + len(drawn)
    assert len(drawn) <= 4  # the one it was stuck in, and those that waited
    assert len(meter.samples["render"]) == len(drawn)
    assert len(meter.samples["invoke"]) == meter.frames


def test_stages_overlap() -> None:
    """The first frame is drawn while the second is segmented while the third is captured, or nobody gets on."""
    together = threading.Barrier(3)

    def meet() -> None:
        together.wait(30)

    def frames() -> Iterator[np.ndarray]:
        yield from [PICTURE] * 2
        meet()
        yield PICTURE

    calls = {"invoke": 0, "render": 0}
    model = segmenter()
    plain = model.engine.invoke

    def invoke() -> None:
        calls["invoke"] += 1
        if calls["invoke"] == 2:
            meet()
        plain()

    def render(result: SegmentedFrame) -> None:
        calls["render"] += 1
        if calls["render"] == 1:
            meet()

    model.engine.invoke = invoke  # type: ignore[method-assign]
    meter = Meter()
    with FakeSource(frames(), "video") as source:
        segment_frames(source, model, meter, render)
    assert meter.frames == 3
    assert not together.broken


def test_of_a_file_no_more_than_a_frame_a_stage_is_in_memory() -> None:
    read = 0
    ahead: list[int] = []

    def frames() -> Iterator[np.ndarray]:
        nonlocal read
        for _ in range(12):
            read += 1
            yield PICTURE

    def slow(result: SegmentedFrame) -> None:
        time.sleep(0.02)
        ahead.append(read - len(ahead))

    assert run(FakeSource(frames(), "folder"), slow).frames == 12
    assert max(ahead) <= 3


def test_waits_are_measured() -> None:
    meter = run(FakeSource([PICTURE] * 8, "video"), lambda result: time.sleep(0.02))
    assert len(meter.samples["queue"]) == len(meter.samples["output_queue"]) == 8
    assert max(meter.samples["output_queue"]) > 15e6
    assert min(meter.samples["queue"]) >= 0


def test_a_limit_ends_an_endless_camera() -> None:
    source = FakeSource(endless(0.001), live=True)
    assert run(source, limit=3).frames == 3
    assert source.left


def test_a_stop_is_heard_while_no_frame_comes() -> None:
    fake = webcam(faults={1: Fault.STALLED}, away=600)
    source = V4L2Camera(VIDEO0, ModeRequest(minimum_size=(64, 48)), stall=600, open_device=fake.open)
    began = time.monotonic()
    meter = Meter()
    with source:
        segment_frames(source, segmenter(), meter, discard, stopped=lambda: time.monotonic() - began > 0.5)
    assert meter.frames == 1
    assert fake.opened == fake.closed == 1


def failing_frames(after: int, error: Exception) -> Iterator[np.ndarray]:
    yield from [PICTURE] * after
    raise error


def failing_sink(after: int, error: Exception) -> Write:
    calls: list[int] = []

    def sink(result: SegmentedFrame) -> None:
        calls.append(1)
        if len(calls) > after:
            raise error

    return sink


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("error", [OutputError("disk full"), RuntimeError("a bug")])
def test_an_error_of_the_output_is_raised_and_the_rest_kept(error: Exception, live: bool) -> None:
    meter = Meter()
    with pytest.raises(type(error), match=str(error)), FakeSource(endless(0.001), live=live) as source:
        segment_frames(source, segmenter(), meter, failing_sink(3, error))
    assert meter.frames >= 3


def test_an_error_of_the_output_with_the_last_frame_is_raised() -> None:
    with pytest.raises(OutputError), FakeSource([PICTURE] * 3, "video") as source:
        segment_frames(source, segmenter(), Meter(), failing_sink(2, OutputError("disk full")))


@pytest.mark.parametrize("error", [CameraLostError("gone"), RuntimeError("a bug")])
def test_an_error_of_the_source_is_raised_after_its_last_frame(error: Exception) -> None:
    meter, drawn = Meter(), []
    with pytest.raises(type(error), match=str(error)), FakeSource(failing_frames(3, error)) as source:
        segment_frames(source, segmenter(), meter, lambda result: drawn.append(result.frame.name))
    assert meter.frames == len(drawn) == 3


def test_an_error_of_the_network_is_raised() -> None:
    broken, meter = segmenter(), Meter()
    broken.engine.invoke = lambda: 1 / 0  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError), FakeSource(endless(0.001), live=True) as source:
        segment_frames(source, broken, meter, discard)
    assert meter.frames == 0


def test_sinks_may_keep_what_they_get() -> None:
    """Memory is used again, but not that of a frame that somebody still has."""
    fake = FakeCamera([Mode("YUYV", 64, 48)], [gray(level) for level in range(20, 220, 5)])
    kept: list[tuple[SegmentedFrame, int]] = []

    def keep(result: SegmentedFrame) -> None:
        kept.append((result, int(result.frame.rgb[0, 0, 0])))

    with V4L2Camera(VIDEO0, ModeRequest(minimum_size=(64, 48)), open_device=fake.open) as source:
        segment_frames(source, segmenter(), Meter(), keep, limit=20)
    for result, level in kept:
        assert (result.frame.rgb == level).all()
        np.testing.assert_array_equal(result.class_map, segmenter().predict(result.frame.rgb))


def test_a_camera_has_all_its_frames_from_the_start() -> None:
    """However the stages trip over each other, no frame more than LIVE_FRAMES is ever in memory."""
    fake, hiccups = webcam(pace=0.001), np.random.default_rng(3)

    def stumble(result: SegmentedFrame) -> None:
        time.sleep(hiccups.choice([0, 0, 0.001, 0.03]))

    with V4L2Camera(VIDEO0, ModeRequest(minimum_size=(64, 48)), open_device=fake.open) as source:
        segment_frames(source, segmenter(delay=0.002), Meter(), stumble, limit=200)
        assert source._pool.allocated == LIVE_FRAMES


def test_no_allocation_of_a_frame_in_steady_state() -> None:
    """Camera to sink at 1080p, with a resize: after a while not even a mask's worth of memory is asked for at once.

    What is left are the mask's blocks, whose size does not depend on the frame's.
    """
    width, height = 1920, 1080
    fake = FakeCamera([Mode("YUYV", width, height)], [gray(90, width, height), gray(150, width, height)])
    peaks: list[int] = []

    def look(result: SegmentedFrame) -> None:
        assert result.frame.rgb.shape == (height, width, 3)
        peaks.append(tracemalloc.get_traced_memory()[1] - tracemalloc.get_traced_memory()[0])
        tracemalloc.reset_peak()

    with V4L2Camera(VIDEO0, ModeRequest(size=(width, height)), open_device=fake.open) as source:
        tracemalloc.start()
        try:
            segment_frames(source, segmenter(calm=True), Meter(), look, limit=14)
        finally:
            tracemalloc.stop()
    assert max(peaks[7:]) < width * height / 2


def test_a_night_of_faults() -> None:
    """Everything that goes wrong at once; the run goes on and tells."""
    faults = {
        5: Fault.SHORT,
        9: Fault.UNPLUGGED,
        12: Fault.CLOCK_FORWARD,
        15: Fault.LOST,
        20: Fault.STALLED,
        25: Fault.MARKED,
        30: Fault.CLOCK_BACK,
    }
    fake, said = webcam(faults=faults, away=0.5, pace=0.002), []
    camera = V4L2Camera(VIDEO0, ModeRequest(minimum_size=(64, 48)), stall=0.2, open_device=fake.open)
    meter = Meter()
    with Reconnecting(camera, 30, said.append) as source:
        segment_frames(source, segmenter(), meter, discard, limit=60)
    assert meter.frames == 60
    assert source.outages.count == 2
    assert source.skipped >= 2
    assert source.dropped >= 1
    assert min(meter.latency) >= 0
    assert max(meter.latency) < 60e9
    assert fake.opened == fake.closed == 3
