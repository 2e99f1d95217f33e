"""How far two sets of logits differ, and the table of all peers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class InteropResult:
    """One file in one peer.

    Attributes:
        largest: largest difference of logits, relative to the largest logit of the reference; None if it did not run.
        agreement: share of grid points with the reference's class, 0..1; None if it did not run.
        problem: why it did not run: the command and its last line.
    """

    peer: str
    versions: str
    model: str
    largest: float | None = None
    agreement: float | None = None
    problem: str | None = None


def compare_logits(reference: np.ndarray, logits: np.ndarray) -> tuple[float, float]:
    """(largest, agreement) of float32 [N, C, H, W] logits; see :class:`InteropResult`.

    Raises:
        ValueError: shapes differ, or a value is not finite.
    """
    if reference.shape != logits.shape:
        raise ValueError(f"logits are {logits.shape}, not {reference.shape}")
    if not np.isfinite(logits).all():
        raise ValueError("logits are not all finite")
    largest = np.abs(logits - reference).max() / np.abs(reference).max()
    return float(largest), float((logits.argmax(1) == reference.argmax(1)).mean())


def interop_markdown(results: Sequence[InteropResult]) -> str:
    """A table, and below it the problems of what did not run."""
    lines = ["| peer | versions | file | largest difference / largest logit | same class |", "|---|---|---|---|---|"]
    for r in results:
        if r.problem is None:
            assert r.largest is not None and r.agreement is not None
            values = f"{r.largest:.1e} | {100 * r.agreement:.2f} %"
        else:
            values = "did not run | "
        lines.append(f"| {r.peer} | {r.versions} | {r.model} | {values} |")
    lines += [f"\n{r.peer}, {r.model}: {r.problem}" for r in results if r.problem is not None]
    return "\n".join(lines) + "\n"
