"""Output options of ``run``, and the sinks they select."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from ..errors import OutputError, require
from ..log import Log
from ..runtime.frames import SegmentedFrame
from ..runtime.pipeline.meter import Meter
from ..runtime.sinks.base import Sink
from ..runtime.sinks.result_files import ResultFiles, check_writable
from ..runtime.sinks.style import PLAIN, Style
from ..runtime.sources.base import FrameSource
from ..runtime.web.listen_address import ListenAddress
from ..spec import ClassSet
from .arguments import file_path, parsed_by

STDOUT = Path("-")
"""Value of ``--lines`` for standard output."""

_DEFAULT_ADDRESS = ListenAddress("127.0.0.1", 8080)

_POLL_INTERVAL = 0.03
"""Seconds between two polls of the window while a finished run is shown."""


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """Add --out, --video, --lines, --csv, --serve, --window and --headless."""
    parser.add_argument(
        "--out",
        type=file_path,
        metavar="DIR",
        help="write NAME_overlay and NAME_mask.png (pixel value = class) for each frame into this folder; overlays "
        "are PNG, for a video or camera JPEG",
    )
    parser.add_argument("--video", type=file_path, metavar="FILE.mp4", help="write all overlays as one video")
    parser.add_argument(
        "--lines",
        type=file_path,
        nargs="?",
        const=STDOUT,
        metavar="FILE.jsonl",
        help="print a JSON line per frame: name, capture time, latency, share of the pixels per class, or write them "
        "to a file; where they are printed, the summary goes to standard error",
    )
    parser.add_argument("--csv", type=file_path, metavar="FILE.csv", help="write the same records as a table")
    parser.add_argument(
        "--serve",
        type=parsed_by(ListenAddress.parse),
        nargs="?",
        const=_DEFAULT_ADDRESS,
        metavar="HOST:PORT",
        help=f"show the run on a web page (default: {_DEFAULT_ADDRESS}; port 0: any free one). An address that other "
        "machines can reach, for example 0.0.0.0:8080, requires the token in the printed URL",
    )
    parser.add_argument(
        "--serve-name",
        type=parsed_by(_host_name),
        action="append",
        default=[],
        metavar="NAME",
        help="also accept this host name in the page's address, for example board.example.org, besides numeric "
        "addresses, localhost and this machine's name; may be repeated",
    )
    window = parser.add_mutually_exclusive_group()
    window.add_argument(
        "--window",
        action="store_true",
        help="show the run in a window (the default for a video or camera where DISPLAY or WAYLAND_DISPLAY is set); "
        "with pictures it stays open after the last one",
    )
    window.add_argument("--headless", action="store_true", help="never open a window")


def _host_name(text: str) -> str:
    from ..runtime.web.access import host_name

    return host_name(text)


def check_outputs(options: argparse.Namespace) -> None:
    """Validate options before the model is loaded."""
    require(options.serve is not None or not options.serve_name, "--serve-name goes with --serve")
    if len(options.camera) > 1:
        for name in ("video", "serve", "window"):
            require(not getattr(options, name), f"--{name} shows one camera; with several use --out, --csv or --lines")
    require(options.lines != STDOUT or sys.stdout is not None, "--lines prints to standard output, which is closed")
    if options.out:
        same = any(path.is_dir() and options.out.resolve() == path.resolve() for path in options.sources)
        inside = options.recursive and any(
            path.is_dir() and options.out.resolve().is_relative_to(path.resolve()) for path in options.sources
        )
        require(not inside, "--out is inside a folder that is read with --recursive, so the next run would segment it")
        require(not same, "--out is the folder of the pictures, so the next run would segment its own overlays")
        check_writable(options.out)
    for name, suffix in (("report", ".json"), ("video", ".mp4"), ("csv", ".csv"), ("lines", ".jsonl")):
        path: Path | None = getattr(options, name)
        if path is not None and path != STDOUT:
            check_result_path(f"--{name}", path, suffix, options.sources)


def check_result_path(option: str, path: Path, suffix: str, sources: Sequence[Path] = ()) -> None:
    """Refuse a result file that could not be written later.

    Raises:
        UsageError: ``path`` does not end in ``suffix``.
        OutputError: it is a folder, the source, or in a folder that cannot be written.
    """
    require(path.suffix == suffix, f"{option} {path} must end in {suffix}")
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder")
    if any(path.resolve() == source.resolve() for source in sources):
        raise OutputError(f"cannot write {path}: it is what is read; choose another name")
    check_writable(path.parent)


class Outputs:
    """All sinks of a run. Use as ``with Outputs(...) as outputs``; leaving closes the sinks that are still open.

    Construct and leave it, and call :meth:`poll`, :meth:`hold` and :meth:`finish`, in the main thread; frames may come
    from another.

    Args:
        options: parsed options of :func:`add_output_options`.
        class_set: names and colors.
        source: the source, entered.
        meter: the run's meter, which counts dropped frames.
        names: display names of source and model.
        log: receives the page's address.
        style: looks of overlays and masks.
        blurred: indices of the classes that no sink may see.
    """

    def __init__(
        self,
        options: argparse.Namespace,
        class_set: ClassSet,
        source: FrameSource,
        meter: Meter,
        names: tuple[str, str],
        log: Log,
        style: Style = PLAIN,
        blurred: frozenset[int] = frozenset(),
    ) -> None:
        self._style = style
        self._blur: Callable[[SegmentedFrame], SegmentedFrame] | None = None
        if blurred:
            from ..runtime.sinks.blur import Blur

            self._blur = Blur(blurred, source.live)
        self._sinks: list[Sink] = []
        self._window: Any = None
        self._view: Any = None
        self._still = not source.moving and (options.window or options.serve is not None)
        try:
            self._make(options, class_set, source, meter, names, log)
        except BaseException:
            self.finish()
            raise

    def __enter__(self) -> Outputs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()

    def write(self, result: SegmentedFrame) -> None:
        """Write ``result`` to every sink; one that fails is discarded at once, so that it is not published later."""
        if self._blur is not None and self._sinks:
            result = self._blur(result)
        for sink in list(self._sinks):
            try:
                sink.write(result)
            except BaseException:
                self._sinks.remove(sink)
                sink.discard()
                raise

    def poll(self) -> bool:
        """Let the window handle its events; whether the run should continue: closing the window ends it."""
        return self._window is None or self._window.poll()

    @property
    def ended_by(self) -> str | None:
        """User action that stopped the run early, in words for its report."""
        return "closing the window" if self._window is not None and self._window.closed else None

    def hold(self, stopped: Callable[[], bool]) -> None:
        """Keep showing the last still image on page and window until ``stopped()`` or the window is closed."""
        if self._view is not None:
            self._view.finish()
        while self._still and not stopped() and self.poll():
            time.sleep(_POLL_INTERVAL)

    def finish(self) -> Exception | None:
        """Close every sink even if one fails; returns the first failure. Does nothing the second time."""
        failure: Exception | None = None
        sinks, self._sinks = self._sinks, []
        for sink in sinks:
            try:
                sink.close()
            except Exception as error:
                failure = failure or error
        return failure

    def _make(
        self,
        options: argparse.Namespace,
        class_set: ClassSet,
        source: FrameSource,
        meter: Meter,
        names: tuple[str, str],
        log: Log,
    ) -> None:
        """Make the requested sinks; each kind is imported only then."""
        if options.lines or options.csv:
            from ..runtime.sinks.records import CsvFile, JsonLines, LinesFile

            if options.lines == STDOUT:
                self._sinks.append(JsonLines(sys.stdout, class_set))
            elif options.lines:
                self._sinks.append(LinesFile(options.lines, class_set, partial(log, "warning")))
            if options.csv:
                self._sinks.append(CsvFile(options.csv, class_set, partial(log, "warning")))
        if options.serve is not None:
            from ..runtime.web.view import About, WebView

            def lost() -> int:
                return source.skipped + source.dropped + meter.dropped

            self._view = WebView(options.serve, class_set, About(*names), lost, options.serve_name, self._style)
            self._sinks.append(self._view)
            url = self._view.url
            log("info", f"live at {url}" + (" (Ctrl-C ends)" if self._still else ""), url=url)
        if options.out:
            self._sinks.append(ResultFiles(options.out, class_set, source.moving, self._style))
        if options.video:
            from ..runtime.sinks.video import VideoWriter

            self._sinks.append(VideoWriter(options.video, class_set, source.moving, self._style))
        self._open_window(options, class_set, source, names, log)
        if self._style.legend and (options.out or options.video or self._window is not None):
            from ..runtime.sinks.font import legend_problem

            if problem := legend_problem(class_set, self._style):
                log("warning", problem)

    def _open_window(
        self, options: argparse.Namespace, class_set: ClassSet, source: FrameSource, names: tuple[str, str], log: Log
    ) -> None:
        from ..runtime.sinks.window import Window, display_is_set

        by_default = source.moving and display_is_set() and not options.headless
        if not (options.window or by_default):
            return
        try:
            self._window = Window(class_set, names[0], self._style)
        except OutputError as error:
            if options.window:
                raise
            log("warning", f"no window: {error}")
        else:
            self._sinks.append(self._window)
