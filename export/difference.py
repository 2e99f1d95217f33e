"""Measures of the difference between two sets of logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Difference:
    """Difference between two sets of logits of one network.

    Attributes:
        largest: largest absolute difference; integer steps between int8 logits, else real units
            divided by the largest absolute logit.
        share: share of the logits that differ at all, 0..1.
        agreement: share of the grid points whose winning class is the same, 0..1.
    """

    largest: float
    share: float
    agreement: float


def difference(expected: Sequence[np.ndarray], actual: Sequence[np.ndarray]) -> Difference:
    """Compare logits [1, h, w, C] pairwise, all of one dtype."""
    a, b = np.concatenate(expected), np.concatenate(actual)
    gap = np.abs(a.astype(np.float64) - b.astype(np.float64))
    unit = 1.0 if a.dtype == np.int8 else float(np.abs(a).max()) or 1.0
    same = a.argmax(-1) == b.argmax(-1)
    return Difference(float(gap.max()) / unit, float((gap > 0).mean()), float(same.mean()))


def sqnr(signal: Sequence[np.ndarray], noisy: Sequence[np.ndarray]) -> float:
    """Signal-to-quantization-noise ratio in dB."""
    a, b = np.concatenate(signal).astype(np.float64), np.concatenate(noisy).astype(np.float64)
    noise = float(((a - b) ** 2).mean())
    return float("inf") if noise == 0 else 10 * float(np.log10((a**2).mean() / noise))
