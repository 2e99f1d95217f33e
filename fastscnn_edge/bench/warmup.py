"""Warm-up rule that a report can state and that can be checked against its samples."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class WarmUpRule:
    """Rule for the end of the warm-up: the medians of the last two windows differ by at most ``tolerance``.

    Attributes:
        window: frames per window.
        tolerance: largest difference of the two medians, relative to the earlier one.
        max_seconds: time limit, after which the measurement begins anyway and the report says so.
    """

    window: int = 16
    tolerance: float = 0.03
    max_seconds: float = 30.0

    def stable(self, samples: Sequence[int]) -> bool:
        """Whether ``samples``, the times so far in order, are stable."""
        if len(samples) < 2 * self.window:
            return False
        before = statistics.median(samples[-2 * self.window : -self.window])
        return abs(statistics.median(samples[-self.window :]) - before) <= self.tolerance * before

    def __str__(self) -> str:
        return (
            f"until the medians of two successive windows of {self.window} frames differ by at most "
            f"{100 * self.tolerance:g} %, at most {self.max_seconds:g} s"
        )
