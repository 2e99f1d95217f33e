"""Sinks that write one record per frame, as JSON lines on a stream or as a CSV file."""

from __future__ import annotations

import csv
import json
import os
import stat
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple, TextIO

from ...errors import OutputError
from ...files.growing import GrowingFile, PeriodicSync
from ...log import Warn, warn_on_stderr
from ...spec import ClassSet
from ...text import csv_cell
from ..frames import SegmentedFrame
from .shares import class_shares

_COLUMNS = ("frame", "captured", "latency_ms", "camera")
"""Columns that are no classes; ``camera`` only where there are several."""


class Record(NamedTuple):
    """Class shares and timing of one frame.

    Attributes:
        frame: the frame's name.
        captured: time when it was captured (camera) or read (file): UTC, ISO 8601 with milliseconds.
        latency_ms: time from then to its complete class map (:attr:`~..frames.SegmentedFrame.latency`).
        shares: class label -> share of the pixels, all classes, sum 1 up to rounding.
    """

    frame: str
    captured: str
    latency_ms: float
    shares: dict[str, float]

    @staticmethod
    def of(result: SegmentedFrame, class_set: ClassSet) -> Record:
        """Build the record of ``result``."""
        frame = result.frame
        captured = datetime.fromtimestamp(time.time() - (time.monotonic() - frame.captured_at), timezone.utc)
        shares = class_shares(result.class_map, len(class_set))
        return Record(
            frame=frame.name,
            captured=captured.isoformat(timespec="milliseconds"),
            latency_ms=round(result.latency * 1e3, 3),
            shares={label: round(float(share), 6) for label, share in zip(class_set.labels, shares, strict=True)},
        )


class JsonLines:
    """Sink that writes a line of JSON per frame and flushes it, so that the reader of a pipe gets each one at once.

    ``stream`` belongs to the caller and stays open. If it is a file, it is flushed to the disk once a second.
    """

    def __init__(self, stream: TextIO, class_set: ClassSet) -> None:
        self._stream, self._class_set = stream, class_set
        self._sync = PeriodicSync(stream.fileno()) if _is_file(stream) else None

    def write(self, result: SegmentedFrame) -> None:
        """Write the record of ``result``.

        Raises:
            BrokenPipeError: the reader closed the pipe.
            OutputError: the stream cannot be written.
        """
        try:
            if self._sync is not None:
                self._sync.check()
            print(_line(result, self._class_set), file=self._stream, flush=True)
        except BrokenPipeError:
            raise
        except OSError as error:
            name = getattr(self._stream, "name", "the stream")
            raise OutputError(f"cannot write lines to {name}: {error.strerror or error}") from error
        if self._sync is not None:
            self._sync.note()

    def close(self) -> None:
        """End the flushing; every line is written already."""
        if self._sync is not None:
            self._sync.stop()

    discard = close


class _RecordFile:
    """File of records: see :class:`~...files.growing.GrowingFile` for how it survives.

    Raises:
        OutputError: the file cannot be written.
    """

    def __init__(self, path: Path, class_set: ClassSet, warn: Warn = warn_on_stderr) -> None:
        self._class_set = class_set
        self._file = GrowingFile(path, warn)

    def close(self) -> None:
        """Give the file its own name."""
        self._file.publish()

    def discard(self) -> None:
        """Leave what was written before the failure under the name of an unfinished file."""
        self._file.abandon()


class LinesFile(_RecordFile):
    """Sink that writes a line of JSON per frame into a file."""

    def write(self, result: SegmentedFrame) -> None:
        """Add the line of ``result``."""
        self._file.write(_line(result, self._class_set) + "\n")


class CsvFile(_RecordFile):
    """Sink that writes a row per frame: frame, captured, latency_ms, then a share per class."""

    def __init__(self, path: Path, class_set: ClassSet, warn: Warn = warn_on_stderr) -> None:
        super().__init__(path, class_set, warn)
        self._rows = csv.writer(self._file, lineterminator="\n")
        try:
            self._rows.writerow([*_COLUMNS[:3], *_columns(class_set)])
        except BaseException:
            self.discard()
            raise

    def write(self, result: SegmentedFrame) -> None:
        """Add the row of ``result``."""
        record = Record.of(result, self._class_set)
        self._rows.writerow([csv_cell(record.frame), record.captured, record.latency_ms, *record.shares.values()])


def _columns(class_set: ClassSet) -> Iterator[str]:
    """Names of the classes' columns, none of which is named twice or as another column."""
    taken = set(_COLUMNS)
    for label in class_set.labels:
        cell = csv_cell(label)
        while cell in taken:
            cell = f"class {cell}"
        taken.add(cell)
        yield cell


def _line(result: SegmentedFrame, class_set: ClassSet) -> str:
    return json.dumps(Record.of(result, class_set)._asdict())


def _is_file(stream: TextIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (AttributeError, OSError, ValueError):  # closed, or in memory
        return False
