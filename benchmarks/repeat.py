"""Comparison of a run of the command with the intervals that an earlier one stated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .contestants import OURS
from .results import BenchmarkComparison, Case
from .rounds import Ratio, ratio


class Outside(NamedTuple):
    """A ratio that lies outside the interval stated before."""

    case: str
    name: str
    stated: Ratio
    found: float

    def __str__(self) -> str:
        return (
            f"{self.case}: {self.name} is {self.found:.2f}, stated were {self.stated.low:.2f} to {self.stated.high:.2f}"
        )


def compare_runs(stated: BenchmarkComparison, again: BenchmarkComparison) -> tuple[int, list[Outside]]:
    """Number of ratios to ours that both have, and those of ``again`` outside the intervals of ``stated``."""
    count, outside = 0, []
    found = {case.title: dict(_ratios(case)) for case in again.cases}
    for case in stated.cases:
        for name, interval in _ratios(case):
            value = found.get(case.title, {}).get(name)
            if value is None:
                continue
            count += 1
            if not interval.low <= value.value <= interval.high:
                outside.append(Outside(case.title, name, interval, value.value))
    return count, outside


def _ratios(case: Case) -> Iterator[tuple[str, Ratio]]:
    ours = case.row(OURS)
    for row in case.rows:
        if ours is not None and row.times and row is not ours:
            yield row.name, ratio(row.times, ours.times)
