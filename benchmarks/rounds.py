"""Interleaved timing: every contestant in every round, in another order each time."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from tools.peers.worker_process import WorkerProcess

RESAMPLES = 4000

RESTART = 0.1
"""How much more ratios differ between two runs of the command than between the rounds of one, because the memory layout
differs between processes. Found by running it twice, see docs/performance.md."""


def interleaved(
    processes: Mapping[str, WorkerProcess], frames: Path, rounds: int, count: int, title: str
) -> dict[str, list[list[int]]]:
    """Time every process: name -> one list of nanoseconds a round. Only one process works at a time."""
    rng = np.random.default_rng(0)
    times: dict[str, list[list[int]]] = {name: [] for name in processes}
    names = list(processes)
    for _ in tqdm(range(rounds), title, leave=False, disable=None):
        for at in rng.permutation(len(names)):
            times[names[at]].append(processes[names[at]].ask(run=str(frames), count=count)["times"])
            processes[names[at]].settle()
    return times


class Ratio(NamedTuple):
    """Ratio of two times, with its 95 % confidence interval."""

    value: float
    low: float
    high: float


def ratio(above: Sequence[Sequence[int]], below: Sequence[Sequence[int]], restart: float = RESTART) -> Ratio:
    """Time of ``above`` in units of ``below``: the median over rounds of the ratio of the rounds' medians.

    Both sides of a pair were measured within seconds of each other, so a slow minute of the machine cancels.
    Whole rounds are drawn for the interval, because frames of one round resemble each other; it is widened by
    ``restart``, because another run must find the ratio inside it. Pass 0 if processes were restarted for each round.
    """
    pairs = np.array([statistics.median(a) / statistics.median(b) for a, b in zip(above, below, strict=True)])
    rng = np.random.default_rng(0)
    drawn = np.median(pairs[rng.integers(0, len(pairs), (RESAMPLES, len(pairs)))], axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Ratio(float(np.median(pairs)), float(low) * (1 - restart), float(high) * (1 + restart))
