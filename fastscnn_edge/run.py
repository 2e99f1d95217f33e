"""``fastscnn-edge run``: segment pictures, a video or a camera on this device, and say what it cost."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from .command import guarded, parser, positive, require
from .errors import OutputError
from .memory_limit import HELP as MEMORY_HELP
from .memory_limit import check_limit, memory, workload_of
from .runtime.board import BoardState, read_board, read_state
from .runtime.cameras.address import Address, open_camera, parse
from .runtime.cameras.reconnect import RECONNECT
from .runtime.cameras.v4l2_modes import Wish
from .runtime.memory import read_memory
from .runtime.meter import STAGES, Meter
from .runtime.outputs import ResultWriter, check_writable
from .runtime.pipeline import IN_FLIGHT, Sink, all_of, segment_frames, warm_up
from .runtime.report import Model, Report, Source, count_of, engine_facts, now
from .runtime.service import notify
from .runtime.sources import Frame, FrameSource, open_source
from .segmenter import Segmenter, bundled_model
from .spec import ModelSpec
from .stopping import stop_signals

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
        fastscnn-edge run --camera 0 --camera-size 1280x720 --camera-fps 30 --camera-format MJPG
        fastscnn-edge run --camera rtsp://user:password@10.0.0.7/stream1 --reconnect 300
        """,
    )
    where = result.add_mutually_exclusive_group(required=True)
    where.add_argument("--source", type=Path, metavar="PATH", help="a picture, a folder of pictures or a video")
    where.add_argument(
        "--camera",
        type=_address,
        metavar="CAMERA",
        help="N or /dev/videoN (USB), csi or csi:N (Raspberry Pi, Jetson), rtsp://... or http://..., or file:PATH, a "
        "video or folder played like a camera; fastscnn-edge cameras lists what is attached",
    )
    _add_camera_options(result)
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


def _add_camera_options(result: argparse.ArgumentParser) -> None:
    group = result.add_argument_group("of a camera")
    group.add_argument(
        "--camera-size",
        type=_pixels,
        metavar="WxH",
        help="take frames of this size (default: the smallest mode not below the model's input)",
    )
    group.add_argument("--camera-fps", type=_rate, metavar="N", help="frames per second (default: 30, or the nearest)")
    group.add_argument(
        "--camera-format", metavar="FOURCC", help="such as YUYV or MJPG (default: the cheapest that reaches the rate)"
    )
    group.add_argument(
        "--reconnect",
        type=_seconds,
        default=RECONNECT,
        metavar="SECONDS",
        help=f"wait this long for a camera that went away; 0 does not wait (default: {RECONNECT:g})",
    )


def _address(text: str) -> Address:
    try:
        return parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _pixels(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and 16 <= int(width) <= 8192 and 16 <= int(height) <= 8192):
        raise argparse.ArgumentTypeError(f"'{text}' is not WIDTHxHEIGHT, for example 640x480")
    return int(width), int(height)


def _rate(text: str) -> float:
    return _number(text, 0.1, 1000)


def _seconds(text: str) -> float:
    return _number(text, 0, 1e7)


def _number(text: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from {low:g} to {high:g}")
    return value


def _run(options: argparse.Namespace, words: tuple[str, ...]) -> int:
    _check(options)
    began = time.monotonic()
    memory_before = read_memory()
    path = options.model or bundled_model()
    check_limit(options.memory_limit, path, lambda: workload_of(options.source, options.out is not None, held=IN_FLIGHT))
    meter, failure = Meter(), None
    start = time.perf_counter_ns()
    segmenter = Segmenter(path, options.threads)
    meter.load = time.perf_counter_ns() - start
    with stop_signals() as signals, _open(options, segmenter.spec) as source:
        sinks: list[Sink] = []
        if options.out:
            sinks.append(ResultWriter(options.out, segmenter.spec.classes, source.moving).write)
        warm_up(segmenter, meter, options.warmup)

        watch = _Watch(began, options.frames)
        try:
            segment_frames(
                source,
                segmenter,
                meter,
                render=all_of(sinks),
                limit=options.frames,
                stopped=lambda: bool(signals),
                between=lambda frame: watch.look(frame, meter),
            )
        except Exception as error:
            if not meter.frames:
                raise
            failure = error  # what was measured until then is worth its report
        watch.finish()
        memory_after = read_memory()
        report = Report(
            created=now(),
            command=words,
            stopped_by=signals[0] if signals else _named(failure),
            model=Model.of(path, segmenter.spec),
            engine=engine_facts(segmenter.engine),
            source=Source.of(source, options.source.name if options.source else str(options.camera), watch.size),
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
    if failure is not None:
        raise failure
    return 0


def _named(failure: Exception | None) -> str | None:
    """An error as the report's reason to stop."""
    return f"{type(failure).__name__}: {' '.join(str(failure).split())}" if failure else None


def _check(options: argparse.Namespace) -> None:
    """Refuse before the work what would fail after it."""
    threads_ok = options.threads is None or options.threads <= _MAX_THREADS
    require(threads_ok, f"--threads {options.threads} is more than {_MAX_THREADS}")
    if options.source is not None:
        for name in ("camera_size", "camera_fps", "camera_format"):
            option = f"--{name.replace('_', '-')}"
            require(getattr(options, name) is None, f"{option} goes with --camera, not with --source")
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


def _open(options: argparse.Namespace, spec: ModelSpec) -> FrameSource:
    if options.source is not None:
        return open_source(options.source, repeat=options.frames or 1)
    wish = Wish(options.camera_size, options.camera_fps, options.camera_format, least=(spec.width, spec.height))
    return open_camera(options.camera, wish, options.reconnect)


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


def _summary(report: Report, options: argparse.Namespace) -> str:
    """The few lines on standard output."""
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
    if source.gaps:
        away = sum(gap.seconds for gap in source.gaps)
        lines.append(f"camera away {count_of(len(source.gaps), 'time')}, {away:.1f} s in all")
    summaries = meter.summaries()
    medians = {name: summary.p50 for name in (*STAGES, "total") if (summary := summaries[name])}
    if medians:
        lines.append("median ms: " + ", ".join(f"{name} {value:.2f}" for name, value in medians.items()))
    latency = summaries["latency"]
    if source.kind == "camera" and latency:
        lines.append(f"from camera to mask: median {latency.p50:.1f} ms, 99 % within {latency.p99:.1f} ms")
    peak = report.memory_after.peak_rss
    lines.append(f"peak memory: {peak / (1 << 20):.1f} MiB" if peak else "peak memory: unknown")
    if meter.frames:
        lines.append(f"overlays and masks: {options.out}" if options.out else "nothing drawn; --out DIR draws")
    if options.report:
        lines.append(f"report: {options.report}, .md and .html")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
