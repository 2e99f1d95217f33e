"""Joins the stages, frame by frame: capture, preprocess, invoke, mask, render."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from ..segmenter import Segmenter
from .meter import Meter
from .sources import Frame, FrameSource


def segment_frames(
    source: FrameSource,
    segmenter: Segmenter,
    meter: Meter,
    render: Callable[[Frame, np.ndarray], None],
    limit: int | None = None,
    stopped: Callable[[], bool] = lambda: False,
    between: Callable[[Frame], None] = lambda frame: None,
) -> None:
    """Segment the frames of an entered ``source`` until it ends, ``limit`` is reached or ``stopped()``.

    Args:
        source: already entered.
        segmenter: the model.
        meter: receives the times of each frame.
        render: what is done with a frame and its classes [H, W]; timed.
        limit: number of frames, None for all.
        stopped: asked before each frame.
        between: called after each frame; not part of any stage, but of the frame rate.
    """
    meter.start()
    frames = iter(source)
    while (limit is None or meter.frames < limit) and not stopped():
        start = time.perf_counter_ns()
        frame = next(frames, None)
        if frame is None:
            break
        captured = time.perf_counter_ns()
        result = segmenter.predict_timed(frame.rgb)
        latency = int((time.monotonic() - frame.captured_at) * 1e9)
        segmented = time.perf_counter_ns()
        render(frame, result.classes)
        meter.record(
            latency,
            capture=captured - start,
            preprocess=result.preprocess,
            invoke=result.invoke,
            mask=result.mask,
            render=time.perf_counter_ns() - segmented,
        )
        between(frame)


def warm_up(segmenter: Segmenter, meter: Meter, times: int) -> None:
    """Run the network ``times`` on one colour, so that caches, clocks and lazy allocations settle first."""
    segmenter.engine.input_view()[...] = 0
    for _ in range(times):
        start = time.perf_counter_ns()
        segmenter.engine.invoke()
        segmenter.engine.logits()
        meter.warm_up.append(time.perf_counter_ns() - start)
