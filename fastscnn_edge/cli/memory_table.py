"""Table of the peak memory of models, estimated from their files and measured in fresh processes."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import ModelFileError
from ..runtime.board.footprint import PROCESS, Footprint, estimate
from ..runtime.board.memory import read_memory
from ..runtime.engines.open import describe_model
from ..units import MIB

_MEASURE = """
import json, sys
from fastscnn_edge.cli.memory_table import predict
print(json.dumps(predict(sys.argv[1], int(sys.argv[2]))))
"""


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


def predict(model: str, threads: int) -> dict[str, int | None]:
    """Segment three frames in this process; returns its peak and its size before loading, in bytes.

    Imports what ``fastscnn-edge run`` imports, since that is the starting point of an estimate made there.
    """
    from ..runtime.pipeline.segmenter import Segmenter

    importlib.import_module("fastscnn_edge.commands.run")
    before = read_memory().rss
    segmenter = Segmenter(model, threads)
    frame = np.zeros((segmenter.spec.height, segmenter.spec.width, 3), np.uint8)
    frame[::7, ::5] = 200  # touches the pages, and gives more than one class: a uniform mask needs no memory
    for _ in range(3):
        segmenter.predict(frame)
    return {"before": before, "peak": read_memory().peak_rss}


def _row(path: Path, measure: bool, threads: int) -> MemoryRow:
    spec, engine = describe_model(path)
    found = _measured(path, threads) if measure else {"before": read_memory().rss, "peak": None}
    size = path.stat().st_size
    estimated = estimate(spec, engine, size, found["before"] or 0)
    return MemoryRow(path.name, engine, spec.precision, spec.height, spec.width, size, estimated, found["peak"])


def _measured(path: Path, threads: int) -> dict[str, int | None]:
    command = [sys.executable, "-c", _MEASURE, str(path), str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ModelFileError(f"{path} could not be run: {reason}")
    found: dict[str, int | None] = json.loads(done.stdout)
    return found


def _table(rows: list[MemoryRow]) -> str:
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


def _fits(rows: list[MemoryRow]) -> list[str]:
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
