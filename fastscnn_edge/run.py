"""``fastscnn-edge run``: segment pictures, a video or a camera on this device, and say what it cost."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import numpy as np

from .command import guarded, parser, positive, require
from .errors import OutputError
from .memory_limit import HELP as MEMORY_HELP
from .memory_limit import check_limit, memory, workload_of
from .runtime.board import BoardState, read_board, read_state
from .runtime.memory import read_memory
from .runtime.meter import Meter, summarise
from .runtime.outputs import ResultWriter, check_writable
from .runtime.pipeline import segment_frames, warm_up
from .runtime.report import Model, Report, Source, count_of, engine_facts, now
from .runtime.service import notify
from .runtime.sources import Frame, FrameSource, open_source
from .segmenter import Segmenter, bundled_model

_STATE_INTERVAL = 5.0
"""Seconds between two looks at temperature and clocks, taken between frames."""

_MAX_THREADS = 64


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    words = sys.argv[1:] if argv is None else argv
    options = _parser().parse_args(words)
    return guarded(lambda: _run(options, tuple(words)))


def _parser() -> argparse.ArgumentParser:
    result = parser(
        "run",
        "Segment pictures, a video or a camera on this device. Prints the time of each stage and the peak memory; "
        "writes overlays and masks with --out, a full report with --report.",
        """
        fastscnn-edge run --source street.jpg --out results
        fastscnn-edge run --source drive.mp4 --frames 500 --report drive.json
        fastscnn-edge run --camera 0 --headless --out results
        """,
    )
    where = result.add_mutually_exclusive_group(required=True)
    where.add_argument("--source", type=Path, metavar="PATH", help="a picture, a folder of pictures or a video")
    where.add_argument("--camera", type=_index, metavar="N", help="the camera /dev/videoN")
    result.add_argument("--model", type=Path, metavar="PATH", help="a .tflite of this package (default: the bundled)")
    result.add_argument(
        "--frames", type=positive, metavar="N", help="stop after N frames; a single picture is segmented N times"
    )
    result.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="write NAME_overlay and NAME_mask.png (pixel value = class) for each frame here; overlays are PNG, "
        "for a video or camera JPEG",
    )
    result.add_argument(
        "--report", type=Path, metavar="FILE.json", help="write all measurements here, FILE.md and FILE.html beside it"
    )
    result.add_argument("--memory-limit", type=memory, metavar="SIZE", help=MEMORY_HELP)
    result.add_argument("--threads", type=positive, metavar="N", help="of the engine (default: usable CPUs, at most 4)")
    result.add_argument(
        "--warmup", type=positive, default=3, metavar="N", help="inferences before the first frame (default: 3)"
    )
    result.add_argument(
        "--headless", action="store_true", help="never open a window; this version has none, so nothing changes"
    )
    return result


def _index(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is not a camera number, 0 or above")
    return int(text)


def _run(options: argparse.Namespace, words: tuple[str, ...]) -> int:
    _check(options)
    began = time.monotonic()
    memory_before = read_memory()
    with _stop_signals() as signals, _open(options) as source:
        meter = Meter()
        path = options.model or bundled_model()
        check_limit(options.memory_limit, path, lambda: workload_of(options.source, options.out is not None))
        start = time.perf_counter_ns()
        segmenter = Segmenter(path, options.threads)
        meter.load = time.perf_counter_ns() - start
        writer = ResultWriter(options.out, segmenter.spec.classes, source.moving) if options.out else None
        warm_up(segmenter, meter, options.warmup)

        watch = _Watch(began, options.frames)
        segment_frames(
            source,
            segmenter,
            meter,
            render=writer.write if writer else _discard,
            limit=options.frames,
            stopped=lambda: bool(signals),
            between=lambda frame: watch.look(frame, meter),
        )
        watch.finish()
        memory_after = read_memory()
        name = options.source.name if options.source else f"/dev/video{options.camera}"
        report = Report(
            created=now(),
            command=words,
            stopped_by=signals[0] if signals else None,
            model=Model.of(path, segmenter.spec),
            engine=engine_facts(segmenter.engine),
            source=Source(source.kind, name, watch.size, source.skipped),
            meter=meter,
            board=read_board(),
            states=tuple(watch.states),
            memory_before=memory_before,
            memory_after=memory_after,
            began=began,
        )
    if options.report:
        report.write(options.report)
    print(_summary(report, options))
    return 0


def _check(options: argparse.Namespace) -> None:
    """Refuse before the work what would fail after it."""
    threads_ok = options.threads is None or options.threads <= _MAX_THREADS
    require(threads_ok, f"--threads {options.threads} is more than {_MAX_THREADS}")
    if options.out:
        folder = options.source if options.source is not None and options.source.is_dir() else None
        same = folder is not None and options.out.resolve() == folder.resolve()
        require(not same, "--out and --source are the same folder, so the next run would segment its own overlays")
        check_writable(options.out)
    if options.report:
        require(options.report.suffix == ".json", f"--report {options.report} must end in .json")
        if options.report.is_dir():
            raise OutputError(f"cannot write {options.report}: it is a folder")
        check_writable(options.report.parent)


def _open(options: argparse.Namespace) -> FrameSource:
    if options.source is not None:
        return open_source(options.source, repeat=options.frames or 1)
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

    def __init__(self, began: float, limit: int | None) -> None:
        self.states: list[BoardState] = [read_state(began)]
        self.size: tuple[int, int] | None = None
        self._began, self._limit = began, limit
        self._next = time.monotonic() + _STATE_INTERVAL
        self._terminal = sys.stderr.isatty()

    def look(self, frame: Frame, meter: Meter) -> None:
        self.size = (frame.rgb.shape[0], frame.rgb.shape[1])
        if self._terminal:
            of = f"/{self._limit}" if self._limit else ""
            print(f"\r\033[Kframe {meter.frames}{of}  {frame.name}", end="", file=sys.stderr, flush=True)
        notify("READY=1\nWATCHDOG=1")
        if time.monotonic() >= self._next:
            self.states.append(read_state(self._began))
            self._next = time.monotonic() + _STATE_INTERVAL

    def finish(self) -> None:
        self.states.append(read_state(self._began))
        if self._terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def _discard(frame: Frame, classes: np.ndarray) -> None:
    """Results nobody asked for."""


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
        lines.append(f"overlays and masks: {options.out}" if options.out else "nothing drawn; --out DIR draws")
    if options.report:
        lines.append(f"report: {options.report}, .md and .html")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
