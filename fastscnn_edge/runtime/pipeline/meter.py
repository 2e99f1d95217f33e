"""Times of a run: samples are kept, nothing is clipped, warm-up is separate."""

from __future__ import annotations

import math
import threading
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

STAGES = ("capture", "preprocess", "invoke", "mask", "render")
"""Stages of a frame. *capture* includes waiting for a camera and decoding, *invoke* is the network up to the logits on
the 1/8 grid, *mask* is upsampling and argmax, *render* is drawing and writing files. Frames overlap: while one is
rendered the next is segmented and the one after that captured."""

QUEUES = ("queue", "output_queue")
"""Queues of a frame: captured but not segmented yet, segmented but not rendered yet."""

NETWORK_STAGES = ("preprocess", "invoke", "mask")
"""Stages between a frame in memory and its class map, which a benchmark measures."""

PERCENTILES = (50, 90, 95, 99)

KEPT = 1 << 14
"""Samples kept per stage: all of the first nine minutes at 30 frames per second."""


class Samples:
    """Times in nanoseconds, in constant memory.

    All are kept until there are :data:`KEPT`; from then on every second, fourth and so on, evenly spread over the
    whole run. The largest is always kept.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._values = array("q", bytes(8 * kept))  # initialized, so resident from the start
        self._used = self.seen = self.largest = 0
        self.step = 1

    def add(self, value: int) -> None:
        self.largest = max(self.largest, value) if self.seen else value
        if self.seen % self.step == 0:
            if self._used == len(self._values):
                self._thin()
            if self.seen % self.step == 0:
                self._values[self._used] = value
                self._used += 1
        self.seen += 1

    def _thin(self) -> None:
        half = self._values[::2]
        self._values[: len(half)] = half
        self._used, self.step = len(half), self.step * 2

    def to_list(self) -> list[int]:
        """Kept samples, in order."""
        return self._values[: self._used].tolist()


@dataclass
class Meter:
    """Recorder of a run's times, in nanoseconds of ``time.perf_counter_ns``. Thread-safe.

    Attributes:
        load: time to read, check and prepare the model.
        warm_up: times of the inferences before the first frame; the first of them is cold.
        dropped: frames captured from a live source, but replaced by newer ones before they were segmented.
        undrawn: frames segmented, but not rendered because output was busy with earlier ones.
        stages: stages that are measured here, a subset of :data:`STAGES`.
        queues: queues that are measured here, a subset of :data:`QUEUES`.
        by_camera: latencies of each camera where there are several.
        started, finished: start of the first and end of the last frame, for the frame rate.
    """

    load: int = 0
    warm_up: list[int] = field(default_factory=list)
    dropped: int = 0
    undrawn: int = 0
    stages: tuple[str, ...] = STAGES
    started: int = 0
    finished: int = 0
    queues: tuple[str, ...] = QUEUES
    by_camera: dict[str, Samples] = field(default_factory=dict)
    _kept: dict[str, Samples] = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._kept = {name: Samples() for name in (*self.stages, "total", *self.queues, "latency")}

    def start(self) -> None:
        """Note that the first frame is about to be captured."""
        self.started = self.finished = time.perf_counter_ns()

    def record(self, latency: int, camera: str | None = None, **times: int) -> None:
        """Record one finished frame.

        Args:
            latency: time from capture (camera) or decoding (file) to the class map. Nanoseconds.
            camera: name of the camera where there are several.
            times: stage or queue -> nanoseconds: all of ``stages``, without ``render`` if it was not rendered, and the
                ``queues`` it waited in.

        Raises:
            KeyError: a stage is missing, or unknown.
        """
        passed = [times[stage] for stage in self.stages if stage != "render" or stage in times]
        with self._lock:
            for name, spent in (*times.items(), ("total", sum(passed)), ("latency", latency)):
                self._kept[name].add(spent)
            if camera is not None:
                self.by_camera.setdefault(camera, Samples()).add(latency)
            self.finished = time.perf_counter_ns()

    @property
    def samples(self) -> dict[str, list[int]]:
        """Stage or queue -> kept times, one per frame. ``total`` is the sum of a frame's stages."""
        return {name: kept.to_list() for name, kept in self._kept.items() if name != "latency"}

    @property
    def latency(self) -> list[int]:
        """Kept times from capture or decoding to the class map, one per frame."""
        return self._kept["latency"].to_list()

    @property
    def step(self) -> int:
        """Sampling interval: 1 while every sample is kept, 2 when every second is, and so on."""
        return self._kept["total"].step

    def summaries(self) -> dict[str, Percentiles | None]:
        """Percentiles of every stage and queue, latency last."""
        return {name: kept_summary(kept) for name, kept in self._kept.items()}

    @property
    def frames(self) -> int:
        return self._kept["total"].seen

    @property
    def frames_per_second(self) -> float | None:
        """Frames divided by the time from the first capture to the last result; None before the first result."""
        elapsed = self.finished - self.started
        return self.frames / (elapsed / 1e9) if self.frames and elapsed > 0 else None


@dataclass(frozen=True)
class Percentiles:
    """Percentiles of one stage by nearest rank, so each is a measured time. Milliseconds."""

    p50: float
    p90: float
    p95: float
    p99: float
    max: float


def percentile(samples: Sequence[int], percent: float) -> int:
    """Percentile by nearest rank: the smallest sample that at least ``percent`` percent of the samples do not exceed.

    Raises:
        ValueError: no samples, or ``percent`` outside 0 < percent <= 100.
    """
    if not samples or not 0 < percent <= 100:
        raise ValueError(f"percentile {percent} of {len(samples)} samples does not exist")
    return sorted(samples)[math.ceil(percent / 100 * len(samples)) - 1]


def summarize(samples: Sequence[int]) -> Percentiles | None:
    """Percentiles of ``samples`` (nanoseconds), or None if there are none."""
    if not samples:
        return None
    return Percentiles(*(percentile(samples, p) / 1e6 for p in (*PERCENTILES, 100)))


def kept_summary(samples: Samples) -> Percentiles | None:
    """Percentiles as :func:`summarize`, with the largest of all samples, kept or not."""
    summary = summarize(samples.to_list())
    return replace(summary, max=samples.largest / 1e6) if summary else None
