"""Pipeline of capture, inference and output, one thread each, joined by bounded queues.

    source --(inbox)--> segmenter --(outbox)--> sink
    thread              the caller's thread      thread

A live source never waits: while inference is busy only the newest frame is kept, and while output is busy only the
newest class map. Everything dropped is counted. From a file every frame is segmented and drawn, and at most one frame
per stage is in memory: a folder may hold images of many megapixels. The caller's thread does the inference because
Python delivers signals to the main thread: Ctrl-C takes effect between two frames even if the camera or the disk hangs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ..frame_pool import LIVE_MASKS, FramePool
from ..frames import Frame, SegmentedFrame
from ..sources.base import FrameSource
from .mailbox import ClosedError, Mailbox
from .meter import Meter
from .segmenter import Segmenter

if TYPE_CHECKING:
    from .smoothing import LogitMean

IN_FLIGHT = 3
"""Frames of a file in progress at the same time: one per stage."""

LARGE_FRAME = 8_000_000
"""Pixels above which a frame of a file is in progress alone: memory is worth more than the overlap of stages then."""

_POLL_INTERVAL = 0.1
"""Seconds between two checks whether to stop, while no frame arrives."""


class _Captured(NamedTuple):
    frame: Frame
    spent: int  # ns in the source, waiting and decoding
    at: int  # perf_counter_ns when it entered the inbox


class _Segmented(NamedTuple):
    result: SegmentedFrame
    stages: dict[str, int]
    at: int  # perf_counter_ns when it entered the outbox

    @property
    def latency(self) -> int:
        return round(self.result.latency * 1e9)


def segment_frames(
    source: FrameSource,
    segmenter: Segmenter,
    meter: Meter,
    write: Callable[[SegmentedFrame], None],
    limit: int | None = None,
    stopped: Callable[[], bool] = lambda: False,
    between: Callable[[Frame], None] = lambda frame: None,
    smooth: LogitMean | None = None,
) -> None:
    """Segment the frames of an entered ``source`` until it ends, ``limit`` is reached or ``stopped()``.

    However it ends, the frame in progress is finished, queued results are written, and both threads have ended when
    this returns or raises. An error in any of the threads is raised here; ``meter`` keeps the recorded times.

    Args:
        source: already entered.
        segmenter: the model.
        meter: receives the times of each frame.
        write: consumes a segmented frame; timed as *render*; runs in the output thread.
        limit: number of frames, None for all.
        stopped: called before each frame, and while none arrives.
        between: called after each rendered frame, in the output thread; not part of any stage.
        smooth: the masks are those of its mean, and not of each frame alone.
    """
    permits = None if source.live else threading.Semaphore(IN_FLIGHT)
    capacity = 1 if source.live else IN_FLIGHT  # with one each, LIVE_FRAMES bounds the frames in memory
    # Several cameras keep the newest frame of each: here a frame of one must not replace one of another.
    newest_wins = source.live and not getattr(source, "in_turns", False)
    inbox: Mailbox[_Captured] = Mailbox(capacity, newest_wins)
    outbox: Mailbox[_Segmented] = Mailbox(capacity, newest_wins=source.live)

    def finished(frame: Frame) -> None:
        between(frame)
        if permits is not None:
            permits.release(_permits_of(frame))

    threads = [
        threading.Thread(target=_capture, args=(source, inbox, meter, permits), name="capture", daemon=True),
        threading.Thread(target=_put_out, args=(outbox, meter, write, finished), name="output", daemon=True),
    ]
    meter.start()
    for thread in threads:
        thread.start()
    try:
        pool = FramePool(preallocate=LIVE_MASKS if source.live else 0)
        _infer(inbox, outbox, segmenter, pool, meter, limit, stopped, smooth)
    finally:
        source.stop()
        inbox.close(discard=True)
        outbox.close()
        if permits is not None:
            permits.release(IN_FLIGHT)  # wakes a capture thread that waits for permits
        for thread in threads:
            thread.join()
        for left in outbox.drain():
            _record_undrawn(left, meter)
    if outbox.refusal is not None:
        raise outbox.refusal


def _capture(source: FrameSource, inbox: Mailbox[_Captured], meter: Meter, permits: threading.Semaphore | None) -> None:
    """Run the capture thread: put frames into the inbox until either end closes.

    ``permits``, if given, bound the number of frames in progress: each frame takes one, a large one all.
    """
    try:
        frames = iter(source)
        while True:
            if permits is not None:
                permits.acquire()
            if inbox.closed:
                return
            start = time.perf_counter_ns()
            frame = next(frames, None)
            if frame is None:
                break
            now = time.perf_counter_ns()
            if permits is not None:
                for _ in range(1, _permits_of(frame)):
                    permits.acquire()
            if inbox.put(_Captured(frame, now - start, now)) is not None:
                meter.dropped += 1
            del frame  # returns its memory to the pool for the next one
        inbox.close()
    except ClosedError:
        return
    except BaseException as error:
        inbox.close(error)


def _permits_of(frame: Frame) -> int:
    return IN_FLIGHT if frame.rgb.shape[0] * frame.rgb.shape[1] > LARGE_FRAME else 1


def _infer(
    inbox: Mailbox[_Captured],
    outbox: Mailbox[_Segmented],
    segmenter: Segmenter,
    pool: FramePool,
    meter: Meter,
    limit: int | None,
    stopped: Callable[[], bool],
    smooth: LogitMean | None,
) -> None:
    """Run inference in the caller's thread: take frames from the inbox, put class maps into the outbox."""
    done = 0
    while (limit is None or done < limit) and not stopped():
        try:
            captured = inbox.get(_POLL_INTERVAL)
            if captured is None:
                if outbox.closed:  # output failed, and the permits it holds may be what capture waits for
                    return
                continue
            late = outbox.put(_segment(captured, segmenter, pool, smooth))
        except ClosedError:
            return
        done += 1
        if late is not None:
            _record_undrawn(late, meter)
        del captured, late  # returns their memory to the pools for the next ones


def _segment(captured: _Captured, segmenter: Segmenter, pool: FramePool, smooth: LogitMean | None) -> _Segmented:
    frame, waited = captured.frame, time.perf_counter_ns() - captured.at
    change = None if smooth is None else partial(smooth.update, frame)
    result = segmenter.predict_timed(frame.rgb, out=pool.take(frame.rgb.shape[:2]), change=change)
    segmented = SegmentedFrame(frame, result.class_map, time.monotonic())
    stages = {
        "capture": captured.spent,
        "preprocess": result.preprocess,
        "invoke": result.invoke,
        "mask": result.mask,
        "queue": waited,
    }
    return _Segmented(segmented, stages, time.perf_counter_ns())


def _record_undrawn(item: _Segmented, meter: Meter) -> None:
    meter.undrawn += 1
    meter.record(item.latency, item.result.frame.camera, **item.stages)


def _put_out(
    outbox: Mailbox[_Segmented],
    meter: Meter,
    write: Callable[[SegmentedFrame], None],
    between: Callable[[Frame], None],
) -> None:
    """Run the output thread: write the outbox's results until it is closed and empty."""
    try:
        while True:
            item = outbox.get()
            assert item is not None  # get() without a limit returns an item or raises
            start = time.perf_counter_ns()
            write(item.result)
            drawn = time.perf_counter_ns() - start
            queued = start - item.at
            meter.record(item.latency, item.result.frame.camera, **item.stages, output_queue=queued, render=drawn)
            between(item.result.frame)
            del item
    except ClosedError:
        return
    except BaseException as error:
        outbox.refuse(error)


def warm_up(segmenter: Segmenter, meter: Meter, times: int, stopped: Callable[[], bool] = lambda: False) -> None:
    """Run the network ``times`` on a uniform image, so that caches, clocks and lazy allocations settle first."""
    segmenter.engine.input_view()[...] = 0
    for _ in range(times):
        if stopped():
            return
        start = time.perf_counter_ns()
        segmenter.engine.invoke()
        segmenter.engine.logits()
        meter.warm_up.append(time.perf_counter_ns() - start)
