"""Report of a run or benchmark: everything needed to judge its times, as plain data and as files."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ... import __version__
from ...files import sha256
from ...spec import ModelSpec
from ...urls import without_password
from ..board.backends import version_of
from ..board.board import Board, BoardState, throttle_verdict
from ..board.memory import Memory
from ..board.watcher import WatchLog
from ..engines.base import Engine
from ..engines.profile import Profile
from ..pipeline.meter import Meter, kept_summary
from ..sources.base import FrameSource, Outage
from .accuracy import Accuracy
from .html import html_page
from .markdown import markdown_report
from .report_files import ReportFiles
from .schema import SCHEMA


@dataclass(frozen=True)
class ReportModel:
    """The model file that ran; its digest ties the times to an accuracy measured elsewhere."""

    file: str
    bytes: int
    sha256: str
    spec: ModelSpec

    @staticmethod
    def of(path: Path, spec: ModelSpec) -> ReportModel:
        return ReportModel(path.name, path.stat().st_size, sha256(path), spec)


@dataclass(frozen=True)
class ReportSource:
    """The source that was segmented.

    Attributes:
        kind, name: kind of source and its display name.
        size: (height, width) of the last frame in pixels, None if there was none.
        skipped: number of damaged frames or images.
        dropped: number of frames that the camera or its driver lost.
        mode: the camera's mode.
        gaps: the latest outages of the camera.
        outages, away: number of all outages, and their total duration in seconds.
    """

    kind: str
    name: str
    size: tuple[int, int] | None
    skipped: int
    dropped: int = 0
    mode: str | None = None
    gaps: tuple[Outage, ...] = ()
    outages: int = 0
    away: float = 0.0

    @staticmethod
    def of(source: FrameSource, name: str, size: tuple[int, int] | None) -> ReportSource:
        outages = source.outages
        return ReportSource(
            source.kind,
            name,
            size,
            source.skipped,
            source.dropped,
            source.mode,
            tuple(outages.kept),
            outages.count,
            outages.seconds,
        )

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "gaps": [gap._asdict() for gap in self.gaps]}


@dataclass(frozen=True)
class BenchmarkRules:
    """Rules of a benchmark; ``fastscnn_edge/commands/bench.py`` gives the reasons.

    Attributes:
        scenario: ``single-stream``: the next frame starts when the last one is done.
        min_frames, min_seconds: the measurement ends when both are reached.
        warm_up: the warm-up rule in words.
        stable: whether the warm-up ended because times had settled.
    """

    scenario: str
    min_frames: int
    min_seconds: float
    warm_up: str
    stable: bool


@dataclass(frozen=True)
class Report:
    """One run or benchmark.

    Attributes:
        created: UTC, ISO 8601.
        command: the command's arguments.
        stopped_by: signal name or user action that stopped the run early, None if it ran to its end.
        model, engine, source: what ran, in which engine, on which frames.
        meter: all times.
        board: the board it ran on.
        states: the board's state before, during and after.
        memory_before: the process's memory before the model was loaded.
        memory_after: its memory when all frames were done.
        began: ``time.monotonic()`` at the start; the ``seconds`` of states and watcher are relative to it.
        rules: rules of a benchmark, None for a run.
        watch: samples taken by the watcher process, None if there was none.
        accuracy: mIoU of this model file, None if not given.
        profile: times of single operators, None if not requested.
    """

    created: str
    command: tuple[str, ...]
    stopped_by: str | None
    model: ReportModel
    engine: dict[str, Any]
    source: ReportSource
    meter: Meter
    board: Board
    states: tuple[BoardState, ...]
    memory_before: Memory
    memory_after: Memory
    began: float | None = None
    rules: BenchmarkRules | None = None
    watch: WatchLog | None = None
    accuracy: Accuracy | None = None
    profile: Profile | None = None

    @property
    def command_name(self) -> str:
        return "bench" if self.rules else "run"

    @property
    def all_states(self) -> list[BoardState]:
        """The board's states, from this process and the watcher, in order of time."""
        return sorted([*self.states, *(self.watch.states if self.watch else ())], key=lambda state: state.seconds)

    @property
    def throttle(self) -> str:
        """Throttling verdict: ``clean``, ``throttled`` or ``unknown``."""
        return throttle_verdict(self.all_states)

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain data for JSON. Times in nanoseconds (``_ns``) or milliseconds (``_ms``), memory in bytes."""
        model = asdict(self.model)
        spec = model.pop("spec")
        spec["classes"] = spec["classes"]["labels"]
        stages = self.meter.summaries()
        kept = "all samples" if self.meter.step == 1 else f"one sample in {self.meter.step}"
        return {
            "schema": SCHEMA,
            "kind": self.command_name,
            "created": self.created,
            "command": [without_password(word) for word in self.command],
            "stopped_by": self.stopped_by,
            "versions": versions(),
            "model": {**model, "spec": spec},
            "engine": self.engine,
            "source": self.source.to_dict(),
            "board": asdict(self.board),
            "states": [asdict(state) for state in self.all_states],
            "throttle": self.throttle,
            "memory_before_load": asdict(self.memory_before),
            "memory_after": asdict(self.memory_after),
            "memory_peak": self.memory_peak,
            "watcher": self._watcher(),
            "accuracy": asdict(self.accuracy) if self.accuracy else None,
            "profile": asdict(self.profile) if self.profile else None,
            "rules": asdict(self.rules) if self.rules else None,
            "frames": self.meter.frames,
            "frames_per_second": self.meter.frames_per_second,
            "dropped": {
                "by_camera": self.source.dropped,
                "for_newer": self.meter.dropped,
                "not_drawn": self.meter.undrawn,
            },
            "cameras": {
                name: {"frames": kept.seen, "latency_ms": asdict(summary)}
                for name, kept in self.meter.by_camera.items()
                if (summary := kept_summary(kept))
            },
            "frames_began_s": None if self.began is None else round(self.meter.started / 1e9 - self.began, 3),
            "load_ns": self.meter.load,
            "first_inference_ns": self.meter.warm_up[0] if self.meter.warm_up else None,
            "warm_up_ns": self.meter.warm_up,
            "percentile_method": f"nearest rank, {kept}",
            "stages_ms": {name: asdict(summary) if summary else None for name, summary in stages.items()},
            "samples_ns": {**self.meter.samples, "latency": self.meter.latency},
        }

    def write(self, files: ReportFiles) -> None:
        """Write the JSON first, then the .md and the .html.

        Raises:
            OutputError: one cannot be written.
        """
        data = self.to_dict()
        files.write(".json", to_json(data))
        files.write(".md", markdown_report(data))
        files.write(".html", html_page(data))

    @property
    def memory_peak(self) -> dict[str, int | None]:
        """Peak memory of this process. RSS is the kernel's own high-water mark, PSS the largest sample."""
        looks = [m.pss for m in (self.memory_before, self.memory_after) if m.pss is not None]
        watched = self.watch.peak("pss") if self.watch else None
        return {
            "rss": self.memory_after.peak_rss,
            "pss": max([*looks, *([watched] if watched is not None else [])], default=None),
            "lowest_available": self.watch.lowest_available() if self.watch else None,
            "engine_arena": None,  # not exposed by either engine's Python API
        }

    def _watcher(self) -> dict[str, Any] | None:
        """The watcher's samples, column by column: a long benchmark has many."""
        if self.watch is None:
            return None
        columns = {name: [getattr(m, name) for m in self.watch.memory] for name in ("rss", "pss", "available")}
        return {
            "interval_s": self.watch.interval,
            "cpu_s": self.watch.cpu_seconds,
            "seconds": list(self.watch.seconds),
            **columns,
        }


def to_json(data: dict[str, Any]) -> str:
    """Format as JSON with one top-level key per line: readable, and small with thousands of samples."""
    lines = (f" {json.dumps(key)}: {json.dumps(value)}" for key, value in data.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def now() -> str:
    """Current time in UTC, ISO 8601 with seconds."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def versions() -> dict[str, str]:
    """Versions of this package, Python and the installed libraries that a run can involve."""
    found = {"fastscnn-edge": __version__, "python": platform.python_version()}
    packages = ("numpy", "pillow", "ai-edge-litert", "tflite-runtime", "onnxruntime", "onnxruntime-gpu", "av")
    return {**found, **{package: version for package in packages if (version := version_of(package))}}


def engine_facts(engine: Engine) -> dict[str, Any]:
    """Facts about an engine for the report."""
    quantization = engine.output_quantization
    return {
        "name": engine.name,
        "library": engine.library,
        "threads": engine.threads,
        "output_quantization": quantization._asdict() if quantization else None,
        **engine.details,
    }
