"""Ranges of every activation of a float graph, seen on pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import SourceError
from ..runtime.pictures import PICTURE_SUFFIXES, fit, read_picture
from .execute import run_all
from .graph import Graph


@dataclass(frozen=True)
class Range:
    """Least and greatest value seen, in the activation's real units."""

    low: float
    high: float

    def union(self, other: Range) -> Range:
        return Range(min(self.low, other.low), max(self.high, other.high))


def observe(graph: Graph, pictures: Iterable[np.ndarray]) -> dict[str, Range]:
    """Run the float graph over ``pictures`` (uint8 [H, W, 3], its own size); min and max per activation.

    The input is left out: its meaning, ``pixel - 128``, is fixed and not measured.
    """
    ranges: dict[str, Range] = {}
    for picture in pictures:
        for name, value in run_all(graph, picture):
            seen = Range(float(value.min()), float(value.max()))
            ranges[name] = ranges[name].union(seen) if name in ranges else seen
    ranges.pop(graph.input, None)
    return ranges


def calibration_files(folder: str | Path, count: int) -> list[Path]:
    """Up to ``count`` pictures of ``folder``, evenly spread over its sorted names (neighbours in a video
    say the same thing).

    Raises:
        SourceError: no such folder, or no pictures in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise SourceError(f"no such calibration folder: {folder}")
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURE_SUFFIXES)
    if not files:
        raise SourceError(f"the calibration folder {folder} holds no pictures ({', '.join(sorted(PICTURE_SUFFIXES))})")
    picked = np.linspace(0, len(files) - 1, min(count, len(files))).round().astype(int)
    return [files[i] for i in picked]


def load_for(graph: Graph, file: Path) -> np.ndarray:
    """A picture at the graph's input size, resized exactly as the runtime does."""
    _, height, width, _ = graph.tensors[graph.input].shape
    return fit(read_picture(file), height, width)
