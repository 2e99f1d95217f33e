"""``fastscnn-edge bench``: measure this board from a frame to its class map with a reproducible method.

Single stream, as in MLPerf: one frame is in flight, the next begins when it is done. Loading, the first inference and
the warm-up are separate. Then frames are measured until both a number and a duration are reached; none is clipped.
Memory, clocks and temperatures are sampled from another process.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from ..bench.frames import MAX_FRAMES, SYNTHETIC_FRAMES, frames_from, synthetic_frames
from ..bench.measure import measure_frames, warm_up_until_stable
from ..bench.warmup import WarmUpRule
from ..cli.arguments import file_path, memory_amount, number, positive, size, threads
from ..cli.command import guarded, parser
from ..cli.images import add_image_options, reader_of
from ..cli.memory.limit import HELP as MEMORY_HELP
from ..cli.memory.limit import check_limit, workload_of
from ..cli.outputs import check_result_path
from ..cli.reports import failure_named, write_report
from ..cli.signals import stop_signals
from ..errors import require
from ..files import sha256
from ..runtime.board.board import read_board, read_state
from ..runtime.board.memory import read_memory
from ..runtime.board.watcher import Watcher
from ..runtime.engines.profile import Profile, profile_model
from ..runtime.pipeline.footprint import Kind, Workload
from ..runtime.pipeline.meter import NETWORK_STAGES, Meter, summarize
from ..runtime.pipeline.segmenter import Segmenter, bundled_model
from ..runtime.report.accuracy import find_accuracy
from ..runtime.report.facts import mib
from ..runtime.report.report import BenchmarkRules, Report, ReportModel, ReportSource, engine_facts, now
from ..runtime.report.report_files import ReportFiles
from ..text import count_of, printable

DEFAULT_FRAMES, DEFAULT_SECONDS = 1024, 60.0
QUICK_FRAMES, QUICK_SECONDS, QUICK_WARM_UP = 64, 3.0, 3.0


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    words = sys.argv[1:] if argv is None else argv
    options = _parser().parse_args(words)
    return guarded(lambda: _run(options, tuple(words)))


def _parser() -> argparse.ArgumentParser:
    result = parser(
        "bench",
        "Measure a model on this device, from a frame in memory to its class map, one frame at a time, until\n"
        f"{DEFAULT_FRAMES} frames and {DEFAULT_SECONDS:g} seconds are reached. No sample is clipped.",
        """
        fastscnn-edge bench --report board.json
        fastscnn-edge bench --model model.tflite --threads 4 --scores scores.json --report board.json
        fastscnn-edge bench --quick --source examples/street
        fastscnn-edge bench --model model.onnx --frames 200 --profile --report x86.json
        """,
    )
    result.add_argument(
        "--model", type=file_path, metavar="PATH", help="a .tflite or .onnx (default: the bundled model)"
    )
    result.add_argument(
        "--source",
        type=file_path,
        metavar="PATH",
        help=f"a picture, folder or video; its first {MAX_FRAMES} frames are decoded beforehand "
        "(default: drawn pictures)",
    )
    result.add_argument(
        "--frame-size",
        type=size,
        metavar="HxW",
        help="height x width of the drawn pictures (default: the model's input size, so that nothing is resized)",
    )
    result.add_argument(
        "--frames",
        type=positive,
        metavar="N",
        help=f"measure at least N frames (default: {DEFAULT_FRAMES}; with only --seconds: 1)",
    )
    result.add_argument(
        "--seconds",
        type=number(0, 86400, "number of seconds"),
        metavar="S",
        help=f"measure at least S seconds (default: {DEFAULT_SECONDS:g}; with only --frames: 0)",
    )
    result.add_argument(
        "--quick", action="store_true", help=f"for a first impression: {QUICK_FRAMES} frames, {QUICK_SECONDS:g} seconds"
    )
    result.add_argument("--memory-limit", type=memory_amount, metavar="SIZE", help=MEMORY_HELP)
    result.add_argument("--threads", type=threads, metavar="N", help="engine threads (default: usable CPUs, at most 4)")
    result.add_argument(
        "--scores",
        type=file_path,
        metavar="FILE.json",
        help="output of 'fastscnn-edge evaluate --json': the model's mIoU, matched by digest, goes into the report",
    )
    result.add_argument("--profile", action="store_true", help="also time each operator, if the engine can")
    result.add_argument(
        "--report",
        type=file_path,
        metavar="FILE.json",
        help="write all measurements to this file, and FILE.md and FILE.html beside it",
    )
    add_image_options(result)
    return result


def _run(options: argparse.Namespace, words: tuple[str, ...]) -> int:
    min_frames, min_seconds = _extent(options)
    _check(options)
    path = options.model or bundled_model()
    check_limit(options.memory_limit, path, lambda: _workload(options))
    accuracy = find_accuracy(options.scores, sha256(path)) if options.scores else None
    began = time.monotonic()
    memory_before = read_memory()
    meter, rule = Meter(stages=NETWORK_STAGES, queues=()), _rule(options)
    expected = max(min_frames, MAX_FRAMES) if not min_seconds else None
    with (
        stop_signals(options.report.name if options.report else "the summary") as signals,
        ReportFiles(options.report, expected) as files,
        Watcher(began) as watcher,
    ):
        start = time.perf_counter_ns()
        segmenter = Segmenter(path, options.threads)
        meter.load = time.perf_counter_ns() - start
        model = ReportModel.of(path, segmenter.spec)  # now: the file may be gone at the end
        source, frames = _frames(options, segmenter)
        stable = warm_up_until_stable(segmenter, frames, meter, rule, signals)
        states = [read_state(began)]
        failure: Exception | None = None
        try:
            measure_frames(segmenter, frames, meter, min_frames, min_seconds, signals)
        except Exception as error:
            if not meter.frames:
                raise
            failure = error
        states.append(read_state(began))
        memory_after = read_memory()
        log = watcher.finish()
        profile = None
        if failure is None:
            try:
                profile = _profile(options, path, segmenter, signals)
            except Exception as error:
                failure = error
        report = Report(
            created=now(),
            command=words,
            stopped_by=signals[0] if signals else failure_named(failure),
            model=model,
            engine=engine_facts(segmenter.engine),
            source=source,
            meter=meter,
            board=read_board(),
            states=tuple(states),
            memory_before=memory_before,
            memory_after=memory_after,
            began=began,
            rules=BenchmarkRules("single-stream", min_frames, min_seconds, str(rule), stable),
            watch=log,
            accuracy=accuracy,
            profile=profile,
        )
        unwritten = write_report(report, files)
    print(_summary(report, options, unwritten is None))
    if failure is not None:
        raise failure
    if unwritten is not None:
        raise unwritten
    return 0


def _extent(options: argparse.Namespace) -> tuple[int, float]:
    """Minimum number of frames and of seconds."""
    frames, seconds = options.frames, options.seconds
    require(not (options.quick and (frames or seconds is not None)), "--quick chooses --frames and --seconds itself")
    if options.quick:
        return QUICK_FRAMES, QUICK_SECONDS
    if frames is None and seconds is None:
        return DEFAULT_FRAMES, DEFAULT_SECONDS
    return frames or 1, seconds or 0.0


def _rule(options: argparse.Namespace) -> WarmUpRule:
    return WarmUpRule(max_seconds=QUICK_WARM_UP) if options.quick else WarmUpRule()


def _check(options: argparse.Namespace) -> None:
    """Validate options before the model is loaded."""
    require(not (options.source and options.frame_size), "--frame-size is only for drawn pictures, not for --source")
    if options.report:
        check_result_path("--report", options.report, ".json")


def _workload(options: argparse.Namespace) -> Workload:
    if options.source:
        return workload_of([options.source])._replace(kind=Kind.GIVEN, held=MAX_FRAMES)
    return Workload(frame=options.frame_size, held=SYNTHETIC_FRAMES)


def _frames(options: argparse.Namespace, segmenter: Segmenter) -> tuple[ReportSource, list[np.ndarray]]:
    if options.source:
        frames = frames_from(options.source, reader_of(options))
        kind, name = "decoded", options.source.name
    else:
        frames = synthetic_frames(*(options.frame_size or (segmenter.spec.height, segmenter.spec.width)))
        kind, name = "synthetic", "street"
    return ReportSource(kind, name, (frames[0].shape[0], frames[0].shape[1]), 0), frames


def _profile(options: argparse.Namespace, path: Path, segmenter: Segmenter, stop: list[str]) -> Profile | None:
    return profile_model(path, segmenter.engine.threads) if options.profile and not stop else None


def _summary(report: Report, options: argparse.Namespace, written: bool) -> str:
    """Summary for standard output."""
    meter, rules = report.meter, report.rules
    assert rules is not None
    ending = f", stopped by {report.stopped_by}" if report.stopped_by else ""
    spec, engine = report.model.spec, report.engine
    lines = [
        f"{report.model.file}: {spec.precision} {spec.height}x{spec.width}, {engine['library']}, "
        f"{count_of(engine['threads'], 'thread')}",
        f"{count_of(meter.frames, 'frame')} after {len(meter.warm_up)} to warm up{ending}",
    ]
    if not rules.stable:
        lines.append("note: times had not settled before the measurement began; the machine may be busy")
    lines += [_line(name, meter.samples[name]) for name in meter.stages] + [_line("latency", meter.latency)]
    shown = ", ".join(
        f"{name.upper()} {mib(report.memory_peak[name])} MiB" for name in ("rss", "pss") if report.memory_peak[name]
    )
    lines.append(f"peak memory: {shown or 'unknown'}; throttling: {report.throttle}")
    if report.accuracy:
        lines.append(f"mIoU of this file: {100 * report.accuracy.miou:.2f} %")
    if report.profile:
        lines.append(f"profile: {report.profile.note}")
        lines += [f"  {o.name:<22} {o.nodes:4d} nodes {100 * o.share:5.1f} %" for o in report.profile.types[:8]]
    if options.report and written:
        lines.append(f"report: {printable(str(options.report))}, .md and .html")
    return "\n".join(lines)


def _line(name: str, samples: list[int]) -> str:
    found = summarize(samples)
    if found is None:
        return f"{name:<10} no frame"
    return (
        f"{name:<10} ms: median {found.p50:.2f}, p90 {found.p90:.2f}, p95 {found.p95:.2f}, p99 {found.p99:.2f}, "
        f"max {found.max:.2f}"
    )
