"""``fastscnn-edge run``: segment pictures, a video or a camera on this device, and report times and memory."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..cli.arguments import file_path, integer, memory_amount, positive, threads
from ..cli.command import guarded, parser
from ..cli.inputs import add_input_options, check_inputs, name_of, open_frames
from ..cli.looks import add_look_options, blurred_classes, check_looks, colored, smoothing_of, style_of
from ..cli.memory.limit import HELP as MEMORY_HELP
from ..cli.memory.limit import check_limit, workload_of
from ..cli.outputs import STDOUT, Outputs, add_output_options, check_outputs
from ..cli.reports import failure_named, write_report
from ..cli.signals import stop_signals
from ..cli.systemd import notify
from ..cli.weights import add_classes_option
from ..log import Log, as_json, is_terminal, plain
from ..runtime.board.board import StateLog, read_board, read_state
from ..runtime.board.memory import read_memory
from ..runtime.frames import Frame
from ..runtime.pipeline.meter import STAGES, Meter, kept_summary
from ..runtime.pipeline.pipeline import segment_frames, warm_up
from ..runtime.pipeline.segmenter import Segmenter, bundled_model
from ..runtime.report.report import Report, ReportModel, ReportSource, engine_facts, now
from ..runtime.report.report_files import ReportFiles
from ..runtime.sources.base import FrameSource
from ..text import count_of, printable
from ..units import MIB

if TYPE_CHECKING:
    from ..runtime.pipeline.smoothing import LogitMean

_STATE_INTERVAL = 5.0
"""Seconds between two readings of temperature and clocks, taken between frames."""


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    words = sys.argv[1:] if argv is None else argv
    options = _parser().parse_args(words)
    log = as_json if options.log_json else plain
    return guarded(lambda: _run(options, tuple(words), log), log)


def _parser() -> argparse.ArgumentParser:
    result = parser(
        "run",
        "Segment pictures, a video or a camera on this device. Prints the time of each stage and the peak memory;\n"
        "--out writes overlays and masks, --report a full report.",
        """
        fastscnn-edge run street.jpg --out results
        fastscnn-edge run holiday/ 'more/*.jpg' --recursive --out results
        find . -name '*.jpg' | fastscnn-edge run - --csv areas.csv
        fastscnn-edge run drive.mp4 --frames 500 --report drive.json
        fastscnn-edge run --camera 0 --serve
        fastscnn-edge run --camera 0 --camera 2 --out results --report both.json
        fastscnn-edge run --camera 0 --serve 0.0.0.0:8080 --lines > street.jsonl
        fastscnn-edge run --camera 0 --camera-size 1280x720 --camera-fps 30 --headless --out results
        fastscnn-edge run --camera rtsp://user:password@10.0.0.7/stream1 --reconnect 300
        fastscnn-edge run drive.mp4 --headless --video overlays.mp4 --csv areas.csv
        fastscnn-edge run street.jpg --out results --only road,car --opacity 0.3 --outline
        fastscnn-edge run --camera 0 --serve --smooth 0.3 --blur pedestrian,bicyclist,car
        fastscnn-edge run street.jpg --out results --palette colorblind --mask-format gray
        """,
    )
    add_input_options(result)
    result.add_argument(
        "--model",
        type=file_path,
        metavar="PATH",
        help="a .tflite or .onnx of this package (default: the bundled model)",
    )
    add_classes_option(result, "the model's")
    result.add_argument(
        "--frames", type=positive, metavar="N", help="stop after N frames; a single picture is segmented N times"
    )
    add_output_options(result)
    add_look_options(result)
    result.add_argument(
        "--report",
        type=file_path,
        metavar="FILE.json",
        help="write all measurements to this file, and FILE.md and FILE.html beside it",
    )
    result.add_argument("--memory-limit", type=memory_amount, metavar="SIZE", help=MEMORY_HELP)
    result.add_argument("--threads", type=threads, metavar="N", help="engine threads (default: usable CPUs, at most 4)")
    result.add_argument(
        "--warmup",
        type=integer(1, 100_000),
        default=3,
        metavar="N",
        help="inferences before the first frame (default: 3)",
    )
    result.add_argument(
        "--log-json",
        action="store_true",
        help="log warnings, errors and the board's state as JSON lines on standard error",
    )
    return result


def _run(options: argparse.Namespace, words: tuple[str, ...], log: Log) -> int:
    _check(options)
    began, memory_before = time.monotonic(), read_memory()
    path = options.model or bundled_model()
    drawing = bool(options.out or options.video or options.serve)
    check_limit(
        options.memory_limit,
        path,
        lambda: workload_of(
            options.sources,
            drawing,
            options.camera_size,
            options.recursive,
            options.max_size,
            repeated=(options.frames or 1) > 1,
            cameras=len(options.camera),
        )._replace(blurring=options.blur is not None, smoothing=options.smooth is not None),
    )
    meter = Meter()
    start = time.perf_counter_ns()
    segmenter = Segmenter(path, options.threads, classes=options.classes)
    meter.load = time.perf_counter_ns() - start
    style, classes = style_of(options, segmenter.spec.classes), colored(options, segmenter.spec.classes, log)
    blurred = blurred_classes(options, segmenter.spec.classes)
    model = ReportModel.of(path, segmenter.spec)  # now: the file may be gone at the end
    with (
        stop_signals(_closing(options), log) as signals,
        open_frames(options, segmenter.spec, partial(log, "warning")) as source,
        ReportFiles(options.report, options.frames or (1 if source.kind == "picture" else None)) as files,
    ):
        smooth = smoothing_of(options, source)
        warm_up(segmenter, meter, options.warmup, stopped=lambda: bool(signals))
        name = name_of(options)
        log("state", "model is ready", model=path.name, source=name)
        watch = _Watch(began, options.frames, log)
        with Outputs(options, classes, source, meter, (name, path.stem), log, style, blurred) as outputs:
            failure = _segment(source, segmenter, meter, outputs, watch, options.frames, signals, smooth)
            stopped_by = signals[0] if signals else outputs.ended_by or failure_named(failure)
            failure = failure or _hold(outputs, signals)
            # A sink that fails on closing must not cost the report.
            failure = failure or outputs.finish()
        report = Report(
            created=now(),
            command=words,
            stopped_by=stopped_by or failure_named(failure),
            model=model,
            engine=engine_facts(segmenter.engine),
            source=ReportSource.of(source, name, watch.size),
            meter=meter,
            board=read_board(),
            states=tuple(watch.board.states),
            memory_before=memory_before,
            memory_after=read_memory(),
            began=began,
        )
        # Inside, so that neither a signal nor a camera that fails on closing comes before it.
        unwritten = write_report(report, files, log)
    _tell(report, options, log, quiet=isinstance(failure, BrokenPipeError), written=unwritten is None)
    if unwritten is not None:
        if failure is not None and not isinstance(failure, BrokenPipeError):
            log("error", str(failure_named(failure)))
        raise unwritten
    if failure is not None:
        raise failure
    return 0


def _segment(
    source: FrameSource,
    segmenter: Segmenter,
    meter: Meter,
    outputs: Outputs,
    watch: _Watch,
    limit: int | None,
    signals: list[str],
    smooth: LogitMean | None,
) -> Exception | None:
    """Segment until the source, ``limit`` or a signal ends it; returns the error that ended it after the first frame.

    Raises:
        Exception: an error before the first frame, so that there is nothing to report.
    """
    try:
        segment_frames(
            source,
            segmenter,
            meter,
            outputs.write,
            limit=limit,
            # Called in the main thread, where the window must be polled.
            stopped=lambda: bool(signals) or not outputs.poll(),
            between=lambda frame: watch.look(frame, meter),
            smooth=smooth,
        )
    except Exception as error:
        if not meter.frames:
            raise
        return error
    finally:
        watch.finish()
    return None


def _hold(outputs: Outputs, signals: list[str]) -> Exception | None:
    """Keep showing the last picture; returns the error that ended it."""
    try:
        outputs.hold(lambda: bool(signals))
    except Exception as error:
        return error
    return None


def _tell(report: Report, options: argparse.Namespace, log: Log, quiet: bool, written: bool) -> None:
    """Log the end and, unless ``quiet``, print the summary."""
    log("state", "run is finished", frames=report.meter.frames, stopped_by=report.stopped_by)
    # Lines use standard output and --log-json standard error, so with both there is no place for the summary.
    lines = options.lines == STDOUT
    if not quiet and not (lines and options.log_json):
        print(_summary(report, options, written), file=sys.stderr if lines else sys.stdout)


def _closing(options: argparse.Namespace) -> str:
    """What is written when a run ends, in words."""
    names = [
        path.name for path in (options.report, options.csv, options.lines, options.video) if path not in (None, STDOUT)
    ]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names) or "the summary"


def _check(options: argparse.Namespace) -> None:
    """Validate options before the model is loaded."""
    check_inputs(options)
    check_outputs(options)
    check_looks(options)


class _Watch:
    """Work between frames: a progress line for a terminal, and a regular reading of the board's state."""

    def __init__(self, began: float, limit: int | None, log: Log) -> None:
        self.board = StateLog()
        self.board.add(read_state(began))
        self.size: tuple[int, int] | None = None
        self._began, self._limit, self._log = began, limit, log
        self._next = time.monotonic() + _STATE_INTERVAL
        self._terminal = is_terminal() and log is plain

    def look(self, frame: Frame, meter: Meter) -> None:
        self.size = (frame.rgb.shape[0], frame.rgb.shape[1])
        of = f"/{self._limit}" if self._limit else ""
        self._show(f"frame {meter.frames}{of}  {printable(frame.name)}")
        notify("READY=1\nWATCHDOG=1")
        if time.monotonic() >= self._next:
            state = read_state(self._began)
            self.board.add(state)
            self._log("state", "board", frames=meter.frames, **asdict(state))
            self._next = time.monotonic() + _STATE_INTERVAL

    def finish(self) -> None:
        self.board.add(read_state(self._began))
        self._show("")

    def _show(self, progress: str) -> None:
        if self._terminal:
            with suppress(OSError):  # the terminal was closed
                print(f"\r\033[K{progress}", end="", file=sys.stderr, flush=True)


def _summary(report: Report, options: argparse.Namespace, written: bool) -> str:
    """Summary for standard output."""
    meter = report.meter
    ending = f", stopped by {report.stopped_by}" if report.stopped_by else ""
    rate = meter.frames_per_second
    lines = [f"{count_of(meter.frames, 'frame')}{ending}" + (f", {rate:.2f} frames per second" if rate else "")]
    source = report.source
    if source.mode:
        lines[0] += f", camera: {source.mode}"
    if source.skipped:
        lines.append(f"{source.skipped} damaged and skipped")
    if source.dropped or meter.dropped or meter.undrawn:
        lines.append(
            f"dropped: {source.dropped} by the camera, {meter.dropped} for newer ones; "
            f"{meter.undrawn} segmented but not drawn in time"
        )
    if source.outages:
        lines.append(f"camera away {count_of(source.outages, 'time')}, {source.away:.1f} s in all")
    summaries = meter.summaries()
    medians = {name: summary.p50 for name in (*STAGES, "total") if (summary := summaries[name])}
    if medians:
        lines.append("median ms: " + ", ".join(f"{name} {value:.2f}" for name, value in medians.items()))
    latency = summaries["latency"]
    if source.kind == "camera" and latency:
        lines.append(f"latency from capture to class map: median {latency.p50:.1f} ms, p99 {latency.p99:.1f} ms")
    for name, kept in meter.by_camera.items():
        if each := kept_summary(kept):
            frames = count_of(kept.seen, "frame")
            lines.append(f"  {name}: {frames}, latency median {each.p50:.1f} ms, p99 {each.p99:.1f} ms")
    peak = report.memory_after.peak_rss
    lines.append(f"peak memory: {peak / MIB:.1f} MiB" if peak else "peak memory: unknown")
    if meter.frames:
        lines += [
            f"{what}: {printable(str(path))}" for what, path in _written(options).items() if path and path.exists()
        ] or ["no file written (--out)"]
    if options.report and written:
        lines.append(f"report: {printable(str(options.report))}, .md and .html")
    return "\n".join(lines)


def _written(options: argparse.Namespace) -> dict[str, Path | None]:
    return {"overlays and masks": options.out, "video": options.video, "table": options.csv, "lines": options.lines}
