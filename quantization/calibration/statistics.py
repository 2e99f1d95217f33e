"""Statistics of every activation of a float graph over images: extremes, averages, powers, histograms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...errors import UsageError
from ..graph.evaluator import run_all
from ..graph.graph import Graph, scale_groups

BINS = 4096
"""Number of bins in a histogram: 16 for each of the 256 integer steps, so that rounding errors can be read from it."""

AVERAGING = 0.9
"""Weight of the past in a moving average, as in TensorFlow's and PyTorch's observers (which take 0.9 to 0.99)."""

Progress = Callable[[str, int, int], None]
"""Called with the name of a stage, its steps done and its steps in all."""


def silent(stage: str, done: int, total: int) -> None:
    """A :data:`Progress` that shows nothing."""


@dataclass(frozen=True)
class Histogram:
    """Counts of an activation's values, zeros apart: every scheme represents 0 exactly.

    Attributes:
        counts: int64 [BINS] over [low, high] in equal steps.
        low, high: outer edges, shared by the whole scale group; low <= 0 <= high.
        zeros: how many values were exactly 0.
    """

    counts: np.ndarray
    low: float
    high: float
    zeros: int

    @property
    def centers(self) -> np.ndarray:
        """The middle of each bin in the activation's units, float64 [BINS]."""
        step = (self.high - self.low) / len(self.counts)
        return self.low + step * (np.arange(len(self.counts)) + 0.5)

    def __add__(self, other: Histogram) -> Histogram:
        if (self.low, self.high) != (other.low, other.high):
            raise ValueError("histograms of different ranges cannot be added")
        return Histogram(self.counts + other.counts, self.low, self.high, self.zeros + other.zeros)


@dataclass(frozen=True)
class Statistics:
    """Statistics of one activation, in its own real units; vectors are float64 [C].

    Attributes:
        low, high: smallest and largest value of each channel.
        power: mean of the square of each channel.
        average_low, average_high: moving averages over images of the whole activation's extremes.
        histogram: counts of all its values.
        count: values seen of each channel, neighbors and all images together.
        runner_up: for logits, the largest magnitude that the second largest class reached; None for all others.
    """

    low: np.ndarray
    high: np.ndarray
    power: np.ndarray
    average_low: float
    average_high: float
    histogram: Histogram | None = None
    runner_up: float | None = None
    count: int = 0

    @property
    def peak(self) -> np.ndarray:
        """Largest magnitude of each channel, float64 [C]."""
        result: np.ndarray = np.maximum(-self.low, self.high)
        return result


def checked(activations: Iterator[tuple[str, np.ndarray]]) -> Iterator[tuple[str, np.ndarray]]:
    """Pass on the activations of a float graph, as the evaluator yields them, while they are finite.

    Raises:
        UsageError: one is not: no range can be taken from it.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        for name, value in activations:
            if not np.isfinite(value.min() + value.max()):
                raise UsageError(
                    f"activation {name} is beyond float32 on a calibration picture: the checkpoint is damaged, its "
                    "training diverged, or its normalization is another one"
                )
            yield name, value


def collect(
    graph: Graph, images: Sequence[np.ndarray], *, histograms: bool = True, progress: Progress = silent
) -> dict[str, Statistics]:
    """Statistics of every activation but the input, whose meaning is fixed.

    Histograms take a second pass, because their edges are the extremes of the first.

    Args:
        images: uint8 [H, W, 3] of the graph's size.
    """
    total = len(images) * (2 if histograms else 1)
    sums: dict[str, _Sums] = {}
    runner_up = 0.0
    for index, image in enumerate(images):
        for name, value in checked(run_all(graph, image)):
            if name != graph.input:
                sums.setdefault(name, _Sums(value.shape[-1])).add(value)
            if name == graph.output:
                runner_up = max(runner_up, _runner_up(value))
        progress("observe", index + 1, total)
    statistics = {name: seen.statistics() for name, seen in sums.items()}
    statistics[graph.output] = replace(statistics[graph.output], runner_up=runner_up)
    if not histograms:
        return statistics
    edges = _edges(graph, statistics)
    counts = {name: np.zeros(BINS, np.int64) for name in edges}
    zeros = dict.fromkeys(edges, 0)
    for index, image in enumerate(images):
        for name, value in run_all(graph, image):
            if name in edges:
                bins, nothing = _count(value, *edges[name])
                counts[name] += bins
                zeros[name] += nothing
        progress("observe", len(images) + index + 1, total)
    return {
        name: replace(seen, histogram=Histogram(counts[name], *edges[name], zeros[name])) if name in edges else seen
        for name, seen in statistics.items()
    }


def _runner_up(logits: np.ndarray) -> float:
    """Largest magnitude of the second largest channel, or of the only one."""
    channels = logits.shape[-1]
    return float(np.abs(np.partition(logits, channels - min(2, channels), -1)[..., -min(2, channels)]).max())


class _Sums:
    """Running statistics of one activation."""

    def __init__(self, channels: int) -> None:
        self.low, self.high = np.full(channels, np.inf), np.full(channels, -np.inf)
        self.squares, self.count = np.zeros(channels), 0
        self.average: tuple[float, float] | None = None

    def add(self, value: np.ndarray) -> None:
        rows = value.reshape(-1, value.shape[-1])
        low, high = rows.min(0), rows.max(0)
        self.low, self.high = np.minimum(self.low, low), np.maximum(self.high, high)
        self.squares += np.einsum("pc,pc->c", rows, rows, dtype=np.float64)
        self.count += len(rows)
        seen = float(low.min()), float(high.max())
        if self.average is None:
            self.average = seen
        else:
            past_low, past_high = self.average
            self.average = (
                AVERAGING * past_low + (1 - AVERAGING) * seen[0],
                AVERAGING * past_high + (1 - AVERAGING) * seen[1],
            )

    def statistics(self) -> Statistics:
        assert self.average is not None
        return Statistics(self.low, self.high, self.squares / self.count, *self.average, count=self.count)


def _edges(graph: Graph, statistics: dict[str, Statistics]) -> dict[str, tuple[float, float]]:
    """Histogram edges: one pair for all members of a scale group, so that their counts can be added."""
    edges = {}
    for group in scale_groups(graph):
        if graph.input in group:
            continue
        low = min(0.0, *(float(statistics[name].low.min()) for name in group))
        high = max(0.0, *(float(statistics[name].high.max()) for name in group))
        edges.update(dict.fromkeys(group, (low, max(high, low + 1e-12))))
    return edges


def _count(value: np.ndarray, low: float, high: float) -> tuple[np.ndarray, int]:
    """Histogram of one activation: (int64 [BINS], number of zeros)."""
    flat = value.reshape(-1)
    flat = flat[flat != 0]
    index = ((flat - np.float32(low)) * np.float32(BINS / (high - low))).astype(np.int32)
    counts = np.bincount(np.clip(index, 0, BINS - 1), minlength=BINS)
    return counts.astype(np.int64), value.size - len(flat)
