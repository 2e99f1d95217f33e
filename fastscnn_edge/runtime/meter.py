"""What a run cost: every sample kept, nothing clipped, warm-up apart."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

STAGES = ("capture", "preprocess", "invoke", "mask", "render")
"""What a frame goes through. *capture* includes waiting for a camera and decoding a file, *invoke* is the network
to logits on the 1/8 grid, *mask* is upsampling and argmax, *render* is drawing and writing files."""

NETWORK_STAGES = ("preprocess", "invoke", "mask")
"""The part of them between a frame in memory and its class map: what a benchmark measures."""

PERCENTILES = (50, 90, 95, 99)


@dataclass
class Meter:
    """Times in nanoseconds of ``time.perf_counter_ns``.

    Attributes:
        load: reading, checking and preparing the model.
        warm_up: inferences before the first frame; the first of them is the cold one.
        stages: what a frame goes through here.
        samples: stage -> one time a frame, in order. ``total`` is the sum of the stages of a frame.
        latency: from when a frame was taken (a camera) or decoded (a file) to its class map, one a frame.
        started, finished: around all frames, for the frame rate.
    """

    load: int = 0
    warm_up: list[int] = field(default_factory=list)
    stages: tuple[str, ...] = STAGES
    samples: dict[str, list[int]] = field(init=False)
    latency: list[int] = field(default_factory=list)
    started: int = 0
    finished: int = 0

    def __post_init__(self) -> None:
        self.samples = {stage: [] for stage in (*self.stages, "total")}

    def start(self) -> None:
        """The first frame is about to be captured."""
        self.started = self.finished = time.perf_counter_ns()

    def record(self, latency: int, **stages: int) -> None:
        """Append one frame: its latency and all of :attr:`stages`, in nanoseconds."""
        self.latency.append(latency)
        for stage in self.stages:
            self.samples[stage].append(stages[stage])
        self.samples["total"].append(sum(stages[stage] for stage in self.stages))
        self.finished = time.perf_counter_ns()

    @property
    def frames(self) -> int:
        return len(self.samples["total"])

    @property
    def frames_per_second(self) -> float | None:
        """Frames over the time from the first capture to the last result; None before there is one."""
        elapsed = self.finished - self.started
        return self.frames / (elapsed / 1e9) if self.frames and elapsed > 0 else None


@dataclass(frozen=True)
class Summary:
    """Percentiles of one stage by nearest rank: each is a time that was measured. Milliseconds."""

    p50: float
    p90: float
    p95: float
    p99: float
    max: float


def percentile(samples: Sequence[int], percent: float) -> int:
    """Nearest rank: the smallest sample that at least ``percent`` per cent of the samples do not exceed.

    Raises:
        ValueError: no samples, or ``percent`` outside 0 < percent <= 100.
    """
    if not samples or not 0 < percent <= 100:
        raise ValueError(f"percentile {percent} of {len(samples)} samples does not exist")
    return sorted(samples)[math.ceil(percent / 100 * len(samples)) - 1]


def summarise(samples: Sequence[int]) -> Summary | None:
    """Percentiles of ``samples`` (nanoseconds), or None if there are none."""
    if not samples:
        return None
    return Summary(*(percentile(samples, p) / 1e6 for p in (*PERCENTILES, 100)))
