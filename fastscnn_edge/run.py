"""``fastscnn-edge run``: segment pictures, a video or a camera on this device, and say what it cost."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType

from .command import guarded, parser, positive, require
from .log import Log, as_json, plain
from .output_options import Outputs, add_output_options, check_outputs
from .runtime.board import BoardState, read_board, read_state
from .runtime.memory import read_memory
from .runtime.meter import Meter, summarise
from .runtime.pipeline import segment_frames, warm_up
from .runtime.report import Model, Report, Source, count_of, engine_facts, now
from .runtime.sources import Frame, FrameSource, open_source
from .segmenter import Segmenter, bundled_model

_STATE_INTERVAL = 5.0
"""Seconds between two looks at temperature and clocks, taken between frames."""

_MAX_THREADS = 64


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    words = sys.argv[1:] if argv is None else argv
    options = _parser().parse_args(words)
    log = as_json if options.log_json else plain
    return guarded(lambda: _run(options, tuple(words), log), log)


def _parser() -> argparse.ArgumentParser:
    result = parser(
        "run",
        "Segment pictures, a video or a camera on this device. Prints the time of each stage and the peak memory; "
        "writes overlays and masks with --out, a full report with --report.",
        """
        fastscnn-edge run --source street.jpg --out results
        fastscnn-edge run --source drive.mp4 --frames 500 --report drive.json
        fastscnn-edge run --camera 0 --serve
        fastscnn-edge run --camera 0 --serve 0.0.0.0:8080 --lines > street.jsonl
        fastscnn-edge run --source drive.mp4 --headless --video overlays.mp4 --csv areas.csv
        """,
    )
    where = result.add_mutually_exclusive_group(required=True)
    where.add_argument("--source", type=Path, metavar="PATH", help="a picture, a folder of pictures or a video")
    where.add_argument("--camera", type=_index, metavar="N", help="the camera /dev/videoN")
    result.add_argument("--model", type=Path, metavar="PATH", help="a .tflite of this package (default: the bundled)")
    result.add_argument(
        "--frames", type=positive, metavar="N", help="stop after N frames; a single picture is segmented N times"
    )
    add_output_options(result)
    result.add_argument(
        "--report", type=Path, metavar="FILE.json", help="write all measurements here, and FILE.md beside it"
    )
    result.add_argument("--threads", type=positive, metavar="N", help="of the engine (default: usable CPUs, at most 4)")
    result.add_argument(
        "--warmup", type=positive, default=3, metavar="N", help="inferences before the first frame (default: 3)"
    )
    result.add_argument(
        "--log-json", action="store_true", help="warnings, errors and the board's state as JSON lines on standard error"
    )
    return result


def _index(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is not a camera number, 0 or above")
    return int(text)


def _run(options: argparse.Namespace, words: tuple[str, ...], log: Log) -> int:
    _check(options)
    began = time.monotonic()
    memory_before = read_memory()
    with _stop_signals() as signals, _open(options, log) as source:
        meter = Meter()
        path = options.model or bundled_model()
        start = time.perf_counter_ns()
        segmenter = Segmenter(path, options.threads)
        meter.load = time.perf_counter_ns() - start
        warm_up(segmenter, meter, options.warmup)
        name = options.source.name if options.source else f"/dev/video{options.camera}"
        log("state", "model is ready", model=path.name, source=name)

        watch = _Watch(began, options.frames, log)
        with Outputs(options, segmenter.spec.classes, source, (name, path.stem), log) as outputs:
            segment_frames(
                source,
                segmenter,
                meter,
                render=outputs,
                limit=options.frames,
                # Asked in the main thread, where the window must be served.
                stopped=lambda: bool(signals) or not outputs.poll(),
                between=lambda frame: watch.look(frame, meter),
            )
            watch.finish()
            stopped_by = signals[0] if signals else outputs.ended_by
            outputs.hold(lambda: bool(signals))
        memory_after = read_memory()
        report = Report(
            created=now(),
            command=words,
            stopped_by=stopped_by,
            model=Model.of(path, segmenter.spec),
            engine=engine_facts(segmenter.engine),
            source=Source(source.kind, name, watch.size, source.skipped),
            meter=meter,
            board=read_board(),
            states=tuple(watch.states),
            memory_before=memory_before,
            memory_after=memory_after,
        )
    if options.report:
        report.write(options.report)
    log("state", "run is finished", frames=meter.frames, stopped_by=stopped_by)
    if not (options.lines and options.log_json):  # lines have standard output, JSON events standard error
        print(_summary(report, options), file=sys.stderr if options.lines else sys.stdout)
    return 0


def _check(options: argparse.Namespace) -> None:
    """Refuse before the work what would fail after it."""
    threads_ok = options.threads is None or options.threads <= _MAX_THREADS
    require(threads_ok, f"--threads {options.threads} is more than {_MAX_THREADS}")
    check_outputs(options)


def _open(options: argparse.Namespace, log: Log) -> FrameSource:
    if options.source is not None:
        return open_source(options.source, options.frames or 1, lambda message: log("warning", message))
    from .runtime.video import CameraSource

    return CameraSource(options.camera)


@contextmanager
def _stop_signals() -> Iterator[list[str]]:
    """Names of the stop signals that came in so far. The first only asks; a second one acts as it always does."""
    received: list[str] = []
    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield received
        return
    previous = {number: signal.getsignal(number) or signal.SIG_DFL for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(signal.Signals(number).name)
        signal.signal(number, previous[signal.Signals(number)])

    for number in previous:
        signal.signal(number, note)
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


class _Watch:
    """What happens between frames: a progress line for a terminal, and now and then a look at the board."""

    def __init__(self, began: float, limit: int | None, log: Log) -> None:
        self.states: list[BoardState] = [read_state(began)]
        self.size: tuple[int, int] | None = None
        self._began, self._limit, self._log = began, limit, log
        self._next = time.monotonic() + _STATE_INTERVAL
        self._terminal = sys.stderr.isatty() and log is plain

    def look(self, frame: Frame, meter: Meter) -> None:
        self.size = (frame.rgb.shape[0], frame.rgb.shape[1])
        if self._terminal:
            of = f"/{self._limit}" if self._limit else ""
            print(f"\r\033[Kframe {meter.frames}{of}  {frame.name}", end="", file=sys.stderr, flush=True)
        if time.monotonic() >= self._next:
            self.states.append(state := read_state(self._began))
            self._log("state", "board", frames=meter.frames, **asdict(state))
            self._next = time.monotonic() + _STATE_INTERVAL

    def finish(self) -> None:
        self.states.append(read_state(self._began))
        if self._terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def _summary(report: Report, options: argparse.Namespace) -> str:
    """The few lines on standard output."""
    meter = report.meter
    ending = f", stopped by {report.stopped_by}" if report.stopped_by else ""
    rate = meter.frames_per_second
    lines = [f"{count_of(meter.frames, 'frame')}{ending}" + (f", {rate:.2f} frames per second" if rate else "")]
    if report.source.skipped:
        lines.append(f"{report.source.skipped} damaged and skipped")
    medians = {name: summary.p50 for name, samples in meter.samples.items() if (summary := summarise(samples))}
    if medians:
        lines.append("median ms: " + ", ".join(f"{name} {value:.2f}" for name, value in medians.items()))
    peak = report.memory_after.peak_rss
    lines.append(f"peak memory: {peak / (1 << 20):.1f} MiB" if peak else "peak memory: unknown")
    if meter.frames:
        lines += [f"{what}: {path}" for what, path in _written(options).items() if path] or ["no file written (--out)"]
    if options.report:
        lines.append(f"report: {options.report} and {options.report.with_suffix('.md')}")
    return "\n".join(lines)


def _written(options: argparse.Namespace) -> dict[str, Path | None]:
    return {"overlays and masks": options.out, "video": options.video, "table": options.csv}


if __name__ == "__main__":
    sys.exit(main())
