"""Confidence intervals for a ratio of medians that account for autocorrelation.

Latencies of successive frames are correlated: clocks, caches and other programs change slowly. Drawing single samples
(the plain bootstrap) would treat each frame as new information and give intervals that are far too narrow. So whole
*blocks* of successive frames are drawn, wrapping around at the end (circular block bootstrap, Politis and Romano 1992).

The block length follows Politis and White (2004) with the correction of Patton, Politis and White (2009), from the
autocorrelation of the series ``sample <= median``. That series and not the samples, because to first order the error
of the median is that of its mean; outliers have no weight in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

LEVEL = 0.95
RESAMPLES = 2000
_CHUNK = 1 << 21  # samples drawn at once, so that memory stays small for long reports


class Interval(NamedTuple):
    """Ratio with the bounds of its confidence interval."""

    ratio: float
    low: float
    high: float

    @property
    def beyond_noise(self) -> bool:
        """Whether 1 lies outside."""
        return not self.low <= 1.0 <= self.high


def block_length(samples: Sequence[int] | np.ndarray) -> int:
    """Number of successive samples per block: 1 for independent samples, at most a third of all samples."""
    values = np.asarray(samples, np.float64)
    n = len(values)
    indicator = (values <= np.median(values)).astype(np.float64)
    indicator -= indicator.mean()
    variance = float(indicator @ indicator) / n
    if n < 8 or variance == 0:
        return 1
    max_lag = min(math.ceil(math.sqrt(n)) + max(5, math.ceil(math.log10(n))), n - 1)
    covariance = np.array([float(indicator[: n - lag] @ indicator[lag:]) / n for lag in range(max_lag + 1)])
    quiet = 2.0 * math.sqrt(math.log10(n) / n)  # smaller correlations may be chance
    run = max(5, math.ceil(math.sqrt(math.log10(n))))
    loud = np.flatnonzero(np.abs(covariance[1:]) / variance > quiet)
    first_quiet = _first_run(np.abs(covariance[1:]) / variance <= quiet, run)
    cut = first_quiet if first_quiet is not None else (int(loud[-1]) + 1 if len(loud) else 0)
    width = min(2 * max(cut, 1), max_lag)
    lags = np.arange(-width, width + 1)
    # A flat-topped window: weight 1 up to half its width, then falling to 0.
    window = np.clip(2 * (1 - np.abs(lags) / width), 0, 1)
    spectrum = float((window * covariance[np.abs(lags)]).sum())
    slope = float((window * np.abs(lags) * covariance[np.abs(lags)]).sum())
    if cut == 0 or spectrum <= 0:
        return 1
    length = (2 * slope**2 / (4 / 3 * spectrum**2)) ** (1 / 3) * n ** (1 / 3)
    return int(np.clip(math.ceil(length), 1, max(1, n // 3)))


def medians(
    samples: Sequence[int] | np.ndarray, length: int, rng: np.random.Generator, resamples: int = RESAMPLES
) -> np.ndarray:
    """Draw ``resamples`` series of blocks of ``length`` samples; returns their medians, float64 [resamples]."""
    values = np.asarray(samples, np.float64)
    n = len(values)
    blocks = -(-n // length)
    result = np.empty(resamples)
    step = max(1, _CHUNK // (blocks * length))
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        first = rng.integers(0, n, (rows, blocks, 1))
        places = (first + np.arange(length)) % n
        result[start : start + rows] = np.median(values[places.reshape(rows, -1)[:, :n]], axis=1)
    return result


def ratio_of_medians(samples: Sequence[int], reference: Sequence[int], seed: int = 0, level: float = LEVEL) -> Interval:
    """median(samples) / median(reference) with its confidence interval (percentiles of the bootstrap).

    Raises:
        ValueError: no samples, or a median of 0.
    """
    if not len(samples) or not len(reference) or np.median(reference) <= 0 or np.median(samples) <= 0:
        raise ValueError("a ratio needs samples above 0 on both sides")
    rng = np.random.default_rng(seed)
    above = medians(samples, block_length(samples), rng)
    below = medians(reference, block_length(reference), rng)
    tail = (1 - level) / 2
    low, high = np.quantile(above / below, [tail, 1 - tail])
    return Interval(float(np.median(samples) / np.median(reference)), float(low), float(high))


def _first_run(quiet: np.ndarray, length: int) -> int | None:
    """Lag before the first ``length`` quiet lags in a row, None if there are none."""
    for lag in range(len(quiet) - length + 1):
        if quiet[lag : lag + length].all():
            return lag
    return None
