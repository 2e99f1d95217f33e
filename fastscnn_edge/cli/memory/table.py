"""Table of the peak memory of models, estimated from their files and measured in fresh processes."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...runtime.board.memory import read_memory
from ...runtime.engines.open import describe_model
from ...runtime.pipeline.footprint import PROCESS, Footprint, Workload, estimate
from ...units import MIB
from .probe import Probe, measure


class MemoryRow(NamedTuple):
    """One model; memory in bytes, ``measured`` None if it was only estimated."""

    name: str
    engine: str
    precision: str
    height: int
    width: int
    file_bytes: int
    estimated: Footprint
    measured: int | None


def row_of(path: Path, work: Workload, probe: Probe | None) -> MemoryRow:
    """Estimate the peak of a model and, if there is a ``probe``, measure it."""
    spec, engine = describe_model(path)
    found = measure(probe) if probe else {"before": read_memory().rss, "peak": None}
    size = path.stat().st_size
    estimated = estimate(spec, engine, size, found["before"] or 0, work)
    return MemoryRow(path.name, engine, spec.precision, spec.height, spec.width, size, estimated, found["peak"])


def facts(row: MemoryRow) -> dict[str, Any]:
    """A row as plain data for JSON, memory in bytes."""
    parts = {name: round(value) for name, value in row.estimated.parts if value}
    return {**row._asdict(), "estimated": row.estimated.total, "parts": parts}


def table(rows: list[MemoryRow]) -> str:
    lines = [
        "| model | engine | precision | input | file, MiB | estimated peak, MiB | measured peak, MiB | off by |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        measured = "" if row.measured is None else f"{row.measured / MIB:.1f}"
        off = "" if row.measured is None else f"{100 * (row.estimated.total / row.measured - 1):+.1f} %"
        lines.append(
            f"| {row.name} | {row.engine} | {row.precision} | {row.height}x{row.width} | "
            f"{row.file_bytes / MIB:.2f} | {row.estimated.total / MIB:.1f} | {measured} | {off} |"
        )
    return "\n".join(lines)


def fits(rows: list[MemoryRow]) -> list[str]:
    """Least-squares fits of library + bytes per pixel, for each engine and precision with three sizes or more."""
    groups: dict[tuple[str, str], list[MemoryRow]] = defaultdict(list)
    for row in rows:
        groups[row.engine, row.precision].append(row)
    lines = [""]
    for (engine, precision), group in sorted(groups.items()):
        if len({row.height * row.width for row in group}) < 3:
            continue
        process = dict(group[0].estimated.parts)[PROCESS]
        left = np.array([(row.measured or 0) - process - 2.0 * row.file_bytes for row in group])
        pixels = np.array([row.height * row.width for row in group], np.float64)
        slope, start = np.polyfit(pixels, left, 1)
        lines.append(
            f"fit of {engine} {precision}: library {start / MIB:.1f} MiB, {slope:.1f} bytes a pixel "
            "(activations and one frame)"
        )
    return lines
