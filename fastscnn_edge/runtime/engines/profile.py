"""Time per operator of the network, measured by the engine itself.

ONNX Runtime's Python package has a profiler. ai-edge-litert (2.3.0) and tflite-runtime do not expose theirs in the
Python API, and timing ever longer prefixes of the network would measure other fusions and another memory plan. For
them the profile says that it is unavailable, and what to use instead.
"""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RUNS = 30
_SKIPPED = 5  # first runs, not counted

NOT_IN_PYTHON = (
    "unavailable: the Python API of this engine has no profiler; LiteRT's own benchmark_model "
    "--enable_op_profiling=true has one"
)


@dataclass(frozen=True)
class Operator:
    """Time of one node, or of all nodes of one type.

    Attributes:
        name: name of the node, or the type.
        type: ONNX operator.
        nodes: number of nodes summed up here.
        milliseconds: mean time in one run.
        share: fraction of the time of all nodes, 0..1.
    """

    name: str
    type: str
    nodes: int
    milliseconds: float
    share: float


@dataclass(frozen=True)
class Profile:
    """Time per operator type and per node, most expensive first; if both are empty, ``note`` says why."""

    note: str
    types: tuple[Operator, ...] = ()
    nodes: tuple[Operator, ...] = ()


def profile_model(path: Path, threads: int) -> Profile:
    """Profile the artifact ``path`` in a session of its own: profiling slows a session down.

    Raises:
        ModelFileError, MissingExtraError: it cannot be loaded.
    """
    if path.suffix.lower() != ".onnx":
        return Profile(NOT_IN_PYTHON)
    from .ort import OrtEngine

    with tempfile.TemporaryDirectory() as folder:
        engine = OrtEngine(path, threads, profile_into=Path(folder))
        for _ in range(RUNS):
            engine.invoke()
        events = json.loads(engine.end_profiling().read_bytes())
    return summarize_events(events)


def summarize_events(events: Iterable[dict[str, Any]]) -> Profile:
    """Sum ONNX Runtime's trace (microseconds) by node and by type, without the first runs."""
    durations: dict[str, list[float]] = defaultdict(list)
    types: dict[str, str] = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            name = event["name"].removesuffix("_kernel_time")
            durations[name].append(event["dur"] / 1000)
            types[name] = event.get("args", {}).get("op_name", "unknown")
    mean = {name: sum(kept) / len(kept) for name, times in durations.items() if (kept := times[_SKIPPED:])}
    total = sum(mean.values()) or 1.0
    by_type: dict[str, list[float]] = defaultdict(list)
    for name, time in mean.items():
        by_type[types[name]].append(time)

    def ordered(found: Iterable[Operator]) -> tuple[Operator, ...]:
        return tuple(sorted(found, key=lambda operator: -operator.milliseconds))

    return Profile(
        f"ONNX Runtime's own profiler, mean of {RUNS - _SKIPPED} runs after {_SKIPPED}, in a session of its own",
        ordered(Operator(kind, kind, len(t), sum(t), sum(t) / total) for kind, t in by_type.items()),
        ordered(Operator(name, types[name], 1, time, time / total) for name, time in mean.items()),
    )
