"""The record of a run or benchmark: everything needed to judge its times, as JSON, Markdown and an HTML page."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

from .. import __version__
from ..files import sha256, write_text
from ..spec import ModelSpec
from .accuracy import Accuracy
from .board import Board, BoardState, throttle_verdict
from .engine import Engine
from .memory import Memory
from .meter import Meter
from .profile import Profile
from .report_html import html_page
from .sources import FrameSource, Gap
from .video import without_password
from .watcher import WatchLog

SCHEMA = "fastscnn_edge.report/1"
"""Changes when a field changes its meaning or goes; new fields do not change it."""

T = TypeVar("T")

_MIB = 1 << 20

_STATE_ROWS = 12
"""Lines of the Markdown's table of states; the JSON has all."""


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
    """What was segmented.

    Attributes:
        kind, name: what and which.
        size: (height, width) of the last frame in pixels, None if there was none.
        skipped: damaged frames or pictures.
        dropped: frames that the camera or its driver lost.
        mode: what the camera was set to.
        gaps: times without the camera.
    """

    kind: str
    name: str
    size: tuple[int, int] | None
    skipped: int
    dropped: int = 0
    mode: str | None = None
    gaps: tuple[Gap, ...] = ()

    @staticmethod
    def of(source: FrameSource, name: str, size: tuple[int, int] | None) -> Source:
        return Source(source.kind, name, size, source.skipped, source.dropped, source.mode, tuple(source.gaps))

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "gaps": [gap._asdict() for gap in self.gaps]}


@dataclass(frozen=True)
class Rules:
    """How a benchmark was conducted; ``fastscnn_edge/bench.py`` says what for.

    Attributes:
        scenario: ``single-stream``: the next frame starts when the last one is done.
        min_frames, min_seconds: it ends when both are reached.
        warm_up: the rule in words.
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
        command: its arguments.
        stopped_by: signal or user's deed that ended it early, None if it ran to its end.
        model, engine, source: what ran on what.
        meter: all times.
        board: where.
        states: the board's state before, during and after.
        memory_before: of the process before the model was loaded.
        memory_after: when all frames were done.
        began: ``time.monotonic()`` of its beginning, from which the ``seconds`` of states and watcher count.
        rules: of a benchmark, None for a run.
        watch: what another process saw of this one meanwhile, None if none looked.
        accuracy: mIoU of this very file, None if not given.
        profile: times of single operators, None if not asked for.
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
    began: float | None = None
    rules: Rules | None = None
    watch: WatchLog | None = None
    accuracy: Accuracy | None = None
    profile: Profile | None = None

    @property
    def command_name(self) -> str:
        return "bench" if self.rules else "run"

    @property
    def all_states(self) -> list[BoardState]:
        """The board's states, ours and the watcher's, in order of time."""
        return sorted([*self.states, *(self.watch.states if self.watch else ())], key=lambda state: state.seconds)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON. Times are in nanoseconds (``_ns``) or milliseconds (``_ms``), memory in bytes."""
        model = asdict(self.model)
        spec = model.pop("spec")
        spec["classes"] = spec["classes"]["labels"]
        stages = self.meter.summaries()
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
            "throttle": throttle_verdict(self.all_states),
            "memory_before_load": asdict(self.memory_before),
            "memory_after": asdict(self.memory_after),
            "memory_peak": self._peak(),
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
            "frames_began_s": None if self.began is None else round(self.meter.started / 1e9 - self.began, 3),
            "load_ns": self.meter.load,
            "first_inference_ns": self.meter.warm_up[0] if self.meter.warm_up else None,
            "warm_up_ns": self.meter.warm_up,
            "percentile_method": "nearest rank, " + _kept(self.meter.step),
            "stages_ms": {name: asdict(summary) if summary else None for name, summary in stages.items()},
            "samples_ns": {**self.meter.samples, "latency": self.meter.latency},
        }

    def to_json(self) -> str:
        """One top-level key a line: thousands of samples stay readable and small."""
        lines = (f" {json.dumps(key)}: {json.dumps(value)}" for key, value in self.to_dict().items())
        return "{\n" + ",\n".join(lines) + "\n}\n"

    def to_markdown(self) -> str:
        """The same for people, without the samples."""
        sections = (self._headline(), self._times(), self._memory(), self._operators(), self._conditions())
        return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"

    def write(self, path: Path) -> None:
        """Write ``path`` (JSON), and a .md and a .html of the same name beside it."""
        write_text(path, self.to_json())
        write_text(path.with_suffix(".md"), self.to_markdown())
        write_text(path.with_suffix(".html"), html_page(self.to_dict()))

    def _peak(self) -> dict[str, int | None]:
        """Most memory this process had. RSS is the kernel's own mark, PSS the most that a look found."""
        looks = [m.pss for m in (self.memory_before, self.memory_after) if m.pss is not None]
        watched = self.watch.peak("pss") if self.watch else None
        return {
            "rss": self.memory_after.peak_rss,
            "pss": max([*looks, *([watched] if watched is not None else [])], default=None),
            "lowest_available": self.watch.lowest_available() if self.watch else None,
            "engine_arena": None,  # neither engine's Python API tells
        }

    def _watcher(self) -> dict[str, Any] | None:
        """What the watcher saw, column by column: a long benchmark has many looks."""
        if self.watch is None:
            return None
        columns = {name: [getattr(m, name) for m in self.watch.memory] for name in ("rss", "pss", "available")}
        return {"interval_s": self.watch.interval, "cpu_s": self.watch.cpu_seconds,
                "seconds": list(self.watch.seconds), **columns}

    def _headline(self) -> list[str]:
        rate = self.meter.frames_per_second
        ending = f" (stopped early by {self.stopped_by})" if self.stopped_by else ""
        frames = count_of(self.meter.frames, "frame")
        lines = [
            f"# {self.model.file} on {self.board.model or self.board.cpu or self.board.machine}",
            "",
            f"{frames}{ending}, {_number(rate, 2)} frames per second, everything included.",
        ]
        if self.accuracy:
            found = self.accuracy
            lines += ["", f"mIoU of this very file: {100 * found.miou:.2f} % on {found.data} {found.split} "
                      f"({count_of(found.pictures, 'picture')})."]
        return lines

    def _times(self) -> list[str]:
        rows = ["## Times in milliseconds", "", *_row("stage", "p50", "p90", "p95", "p99", "max", rule=True)]
        for name, summary in self.meter.summaries().items():
            values = asdict(summary).values() if summary else (None,) * 5
            rows += _row(name, *(_number(value, 2) for value in values))
        first = self.meter.warm_up[0] / 1e6 if self.meter.warm_up else None
        meaning = ("from a frame in memory to its class map" if self.rules else
                   "from the taking (camera) or decoding (file) of a frame to its class map")
        overlap = (" (frames overlap, so it is more than the time from frame to frame); *queue* and *output_queue* are "
                   "waits before segmenting and before rendering") if self.meter.queues else ""
        rows += ["", *self._rules()]
        return [
            *rows,
            f"Model load {_number(self.meter.load / 1e6, 1)} ms, first inference {_number(first, 2)} ms "
            f"({len(self.meter.warm_up)} warm-up inferences, not in the table). Percentiles by nearest rank over "
            f"{_kept(self.meter.step)}. *total* is the sum of {', '.join(self.meter.stages)}{overlap}; *latency* runs "
            f"{meaning}.",
            *self._losses(),
        ]

    def _rules(self) -> list[str]:
        if self.rules is None:
            return []
        rules = self.rules
        settled = "times had settled" if rules.stable else "**times had not settled**"
        return [
            f"Rules: {rules.scenario}, at least {count_of(rules.min_frames, 'frame')} and {rules.min_seconds:g} s; "
            f"warm-up {rules.warm_up} ({settled}). No frame is left out.",
            "",
        ]

    def _losses(self) -> list[str]:
        source, meter = self.source, self.meter
        lines = []
        if source.dropped or meter.dropped or meter.undrawn:
            lines += [
                "",
                f"Dropped: {source.dropped} by the camera or its driver, {meter.dropped} for newer ones before they "
                f"were segmented, {meter.undrawn} segmented but not drawn in time.",
            ]
        for gap in source.gaps:
            lines += ["", f"No camera for {gap.seconds:.1f} s from second {gap.at:.1f} on: {gap.reason}"]
        return lines

    def _memory(self) -> list[str]:
        before, after = self.memory_before, self.memory_after
        rows = ["## Memory in MiB", "", *_row("", "before loading", "after the run", rule=True)]
        rows += _row("resident", _mib(before.rss), _mib(after.rss))
        rows += _row("peak resident", _mib(before.peak_rss), _mib(after.peak_rss))
        rows += _row("proportional (PSS)", _mib(before.pss), _mib(after.pss))
        rows += _row("available on the system", _mib(before.available), _mib(after.available))
        if self.watch:
            rows += ["", f"Most proportional {_mib(self._peak()['pss'])}, least available on the system "
                     f"{_mib(self._peak()['lowest_available'])}: seen every {self.watch.interval:g} s by another "
                     f"process, which took {self.watch.cpu_seconds:.2f} s of processor time itself."]
        return rows

    def _operators(self) -> list[str]:
        if self.profile is None:
            return []
        rows = ["## Operators", "", f"Profile: {self.profile.note}."]
        if self.profile.types:
            rows += ["", *_row("operator", "nodes", "ms", "share", rule=True)]
        for operator in self.profile.types:
            rows += _row(operator.name, str(operator.nodes), f"{operator.milliseconds:.3f}",
                         f"{100 * operator.share:.1f} %")
        return rows

    def _conditions(self) -> list[str]:
        board, spec, engine, source = self.board, self.model.spec, self.engine, self.source
        facts = {
            "created": self.created,
            "command": f"`fastscnn-edge {self.command_name} {' '.join(map(without_password, self.command))}`",
            "model": f"{self.model.file}, {self.model.bytes} bytes, {spec.precision}, preset {spec.preset}, "
            f"input {spec.height}x{spec.width}, {len(spec.classes)} classes",
            "model sha256": f"`{self.model.sha256}`",
            "engine": f"{engine['name']}, {engine['library']}, {count_of(engine['threads'], 'thread')}",
            "source": f"{source.kind} {source.name}, {_size(source.size)}, {source.skipped} skipped"
            + (f", {source.mode}" if source.mode else ""),
            "board": board.model or "unknown",
            "processor": f"{board.cpu or 'unknown'}, {board.machine}",
            "cores": f"{board.cores}, {board.usable_cores} of them usable",
            "integer instructions": ", ".join(board.integer_features) or "none known",
            "memory": f"{_mib(board.memory)} MiB",
            "kernel": board.kernel,
            "throttling": throttle_verdict(self.all_states),
            "versions": ", ".join(f"{name} {version}" for name, version in versions().items()),
        }
        rows = ["## Conditions", "", *_row("", "", rule=True)]
        for name, value in facts.items():
            rows += _row(name, value)
        return [*rows, "", *self._state_table()]

    def _state_table(self) -> list[str]:
        rows = [*_row("at second", "governor", "MHz", "hottest, degrees C", "power mode", "throttle bits", rule=True)]
        for state in thinned(self.all_states, _STATE_ROWS):
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


def thinned(items: Sequence[T], most: int) -> list[T]:
    """At most ``most`` of ``items``, evenly spread, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    return [items[round(index * (len(items) - 1) / (most - 1))] for index in range(most)]


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


def _kept(step: int) -> str:
    return "all samples" if step == 1 else f"one sample in {step}"


def _mib(value: int | None) -> str:
    return _number(None if value is None else value / _MIB, 1)


def _size(size: tuple[int, int] | None) -> str:
    return f"{size[0]}x{size[1]} (height x width)" if size else "no frame"
