"""Single-stream measurement: one frame is in flight, the next begins when it is done."""

from __future__ import annotations

import sys
import time

import numpy as np

from ..log import is_terminal
from ..runtime.pipeline.meter import Meter
from ..runtime.pipeline.segmenter import Segmenter
from ..text import count_of
from .warmup import WarmUpRule

_SHOW_EVERY = 0.25  # seconds between two progress lines


def warm_up_until_stable(
    segmenter: Segmenter, frames: list[np.ndarray], meter: Meter, rule: WarmUpRule, stop: list[str]
) -> bool:
    """Segment ``frames`` until ``rule`` is satisfied; whether that was before its time limit."""
    end = time.monotonic() + rule.max_seconds
    while not stop:
        start = time.perf_counter_ns()
        segmenter.predict(frames[len(meter.warm_up) % len(frames)])
        meter.warm_up.append(time.perf_counter_ns() - start)
        if rule.stable(meter.warm_up):
            return True
        if time.monotonic() >= end:
            break
    return False


def measure_frames(
    segmenter: Segmenter,
    frames: list[np.ndarray],
    meter: Meter,
    min_frames: int,
    min_seconds: float,
    stop: list[str],
) -> None:
    """Cycle through ``frames`` until both minimums are reached; between two frames nothing else happens."""
    show = _Progress(min_frames, min_seconds)
    meter.start()
    end = meter.started + int(min_seconds * 1e9)
    while not stop and (meter.frames < min_frames or meter.finished < end):
        frame = frames[meter.frames % len(frames)]
        start = time.perf_counter_ns()
        result = segmenter.predict_timed(frame)
        latency = time.perf_counter_ns() - start
        meter.record(latency, preprocess=result.preprocess, invoke=result.invoke, mask=result.mask)
        show(meter)
    show.clear()


class _Progress:
    """Progress line, updated a few times a second; silent if stderr is not a terminal."""

    def __init__(self, frames: int, seconds: float) -> None:
        self._of = f"{count_of(frames, 'frame')} and {seconds:g} s"
        self._terminal = is_terminal()
        self._due = 0.0

    def __call__(self, meter: Meter) -> None:
        if self._terminal and time.monotonic() >= self._due:
            elapsed = (meter.finished - meter.started) / 1e9
            print(
                f"\r\033[K{count_of(meter.frames, 'frame')}, {elapsed:.0f} s of {self._of}",
                end="",
                file=sys.stderr,
                flush=True,
            )
            self._due = time.monotonic() + _SHOW_EVERY

    def clear(self) -> None:
        if self._terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
