"""The record of a run: everything needed to judge its times, as JSON and as Markdown."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .. import __version__
from ..files import sha256, write_text
from ..spec import ModelSpec
from .board import Board, BoardState, throttle_verdict
from .engine import Engine
from .memory import Memory
from .meter import STAGES, Meter, summarise

SCHEMA = "fastscnn_edge.report/1"

_MIB = 1 << 20


@dataclass(frozen=True)
class Model:
    """Which file ran: its digest ties the times to an accuracy measured elsewhere."""

    file: str
    bytes: int
    sha256: str
    spec: ModelSpec

    @staticmethod
    def of(path: Path, spec: ModelSpec) -> Model:
        return Model(path.name, path.stat().st_size, sha256(path), spec)


@dataclass(frozen=True)
class Source:
    """What was segmented; ``size`` is (height, width) of the last frame in pixels, None if there was none."""

    kind: str
    name: str
    size: tuple[int, int] | None
    skipped: int


@dataclass(frozen=True)
class Report:
    """One run.

    Attributes:
        created: UTC, ISO 8601.
        command: its arguments.
        stopped_by: signal or user's deed that ended it early, None if it ran to its end.
        model, engine, source: what ran on what.
        meter: all times.
        board: where.
        states: the board's state before, during and after.
        memory_before: of the process before the model was loaded.
        memory_after: when all frames were done.
    """

    created: str
    command: tuple[str, ...]
    stopped_by: str | None
    model: Model
    engine: dict[str, Any]
    source: Source
    meter: Meter
    board: Board
    states: tuple[BoardState, ...]
    memory_before: Memory
    memory_after: Memory

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON. Times are in nanoseconds (``_ns``) or milliseconds (``_ms``), memory in bytes."""
        model = asdict(self.model)
        spec = model.pop("spec")
        spec["classes"] = spec["classes"]["labels"]
        stages = {name: summarise(samples) for name, samples in self._timed()}
        return {
            "schema": SCHEMA,
            "created": self.created,
            "command": list(self.command),
            "stopped_by": self.stopped_by,
            "versions": versions(),
            "model": {**model, "spec": spec},
            "engine": self.engine,
            "source": asdict(self.source),
            "board": asdict(self.board),
            "states": [asdict(state) for state in self.states],
            "throttle": throttle_verdict(self.states),
            "memory_before_load": asdict(self.memory_before),
            "memory_after": asdict(self.memory_after),
            "frames": self.meter.frames,
            "frames_per_second": self.meter.frames_per_second,
            "load_ns": self.meter.load,
            "first_inference_ns": self.meter.warm_up[0] if self.meter.warm_up else None,
            "warm_up_ns": self.meter.warm_up,
            "percentile_method": "nearest rank, all samples",
            "stages_ms": {name: asdict(summary) if summary else None for name, summary in stages.items()},
            "samples_ns": dict(self._timed()),
        }

    def to_json(self) -> str:
        """One top-level key a line: thousands of samples stay readable and small."""
        lines = (f" {json.dumps(key)}: {json.dumps(value)}" for key, value in self.to_dict().items())
        return "{\n" + ",\n".join(lines) + "\n}\n"

    def to_markdown(self) -> str:
        """The same for people, without the samples."""
        sections = (self._headline(), self._times(), self._memory(), self._conditions())
        return "\n\n".join("\n".join(lines) for lines in sections) + "\n"

    def write(self, path: Path) -> None:
        """Write ``path`` (JSON) and a .md of the same name beside it."""
        write_text(path, self.to_json())
        write_text(path.with_suffix(".md"), self.to_markdown())

    def _timed(self) -> Iterator[tuple[str, list[int]]]:
        yield from self.meter.samples.items()
        yield "latency", self.meter.latency

    def _headline(self) -> list[str]:
        rate = self.meter.frames_per_second
        ending = f" (stopped early by {self.stopped_by})" if self.stopped_by else ""
        frames = count_of(self.meter.frames, "frame")
        return [
            f"# {self.model.file} on {self.board.model or self.board.cpu or self.board.machine}",
            "",
            f"{frames}{ending}, {_number(rate, 2)} frames per second, everything included.",
        ]

    def _times(self) -> list[str]:
        rows = ["## Times in milliseconds", "", *_row("stage", "p50", "p90", "p95", "p99", "max", rule=True)]
        for name, samples in self._timed():
            summary = summarise(samples)
            values = asdict(summary).values() if summary else (None,) * 5
            rows += _row(name, *(_number(value, 2) for value in values))
        first = self.meter.warm_up[0] / 1e6 if self.meter.warm_up else None
        return [
            *rows,
            "",
            f"Model load {_number(self.meter.load / 1e6, 1)} ms, first inference {_number(first, 2)} ms "
            f"({len(self.meter.warm_up)} warm-up inferences, not in the table). Percentiles by nearest rank over all "
            f"samples. *total* is the sum of {', '.join(STAGES)}; *latency* runs from the taking (camera) or decoding "
            "(file) of a frame to its class map.",
        ]

    def _memory(self) -> list[str]:
        before, after = self.memory_before, self.memory_after
        rows = ["## Memory in MiB", "", *_row("", "before loading", "after the run", rule=True)]
        rows += _row("resident", _mib(before.rss), _mib(after.rss))
        rows += _row("peak resident", _mib(before.peak_rss), _mib(after.peak_rss))
        rows += _row("proportional (PSS)", _mib(before.pss), _mib(after.pss))
        return rows + _row("available on the system", _mib(before.available), _mib(after.available))

    def _conditions(self) -> list[str]:
        board, spec, engine, source = self.board, self.model.spec, self.engine, self.source
        facts = {
            "created": self.created,
            "command": f"`fastscnn-edge run {' '.join(self.command)}`",
            "model": f"{self.model.file}, {self.model.bytes} bytes, {spec.precision}, preset {spec.preset}, "
            f"input {spec.height}x{spec.width}, {len(spec.classes)} classes",
            "model sha256": f"`{self.model.sha256}`",
            "engine": f"{engine['name']}, {engine['library']}, {count_of(engine['threads'], 'thread')}",
            "source": f"{source.kind} {source.name}, {_size(source.size)}, {source.skipped} skipped",
            "board": board.model or "unknown",
            "processor": f"{board.cpu or 'unknown'}, {board.machine}",
            "cores": f"{board.cores}, {board.usable_cores} of them usable",
            "integer instructions": ", ".join(board.integer_features) or "none known",
            "memory": f"{_mib(board.memory)} MiB",
            "kernel": board.kernel,
            "throttling": throttle_verdict(self.states),
            "versions": ", ".join(f"{name} {version}" for name, version in versions().items()),
        }
        rows = ["## Conditions", "", *_row("", "", rule=True)]
        for name, value in facts.items():
            rows += _row(name, value)
        return [*rows, "", *self._state_table()]

    def _state_table(self) -> list[str]:
        rows = [*_row("at second", "governor", "MHz", "hottest, degrees C", "power mode", "throttle bits", rule=True)]
        for state in self.states:
            hottest = max(state.temperatures.values(), default=None)
            rows += _row(
                f"{state.seconds:.1f}",
                ", ".join(state.governors) or "unknown",
                ", ".join(str(khz // 1000) for khz in state.frequencies) or "unknown",
                _number(None if hottest is None else hottest / 1000, 1),
                " ".join((state.power_mode or "unknown").split()),
                "unknown" if state.throttle_bits is None else hex(state.throttle_bits),
            )
        return rows


def now() -> str:
    """The present in UTC, ISO 8601 with seconds."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def versions() -> dict[str, str]:
    """Versions of this package, Python and the libraries a run can involve, where installed."""
    found = {"fastscnn-edge": __version__, "python": platform.python_version()}
    for package in ("numpy", "pillow", "ai-edge-litert", "tflite-runtime", "onnxruntime", "onnxruntime-gpu", "av"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def count_of(number: int, noun: str) -> str:
    """``1 frame``, ``2 frames``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def engine_facts(engine: Engine) -> dict[str, Any]:
    """What the report says of an engine."""
    quantization = engine.output_quantization
    return {
        "name": engine.name,
        "library": engine.library,
        "threads": engine.threads,
        "output_quantization": quantization._asdict() if quantization else None,
        **engine.details,
    }


def _row(*cells: str, rule: bool = False) -> list[str]:
    line = "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    return [line, "|" + " --- |" * len(cells)] if rule else [line]


def _number(value: float | None, digits: int) -> str:
    return "unknown" if value is None else f"{value:.{digits}f}"


def _mib(value: int | None) -> str:
    return _number(None if value is None else value / _MIB, 1)


def _size(size: tuple[int, int] | None) -> str:
    return f"{size[0]}x{size[1]} (height x width)" if size else "no frame"
