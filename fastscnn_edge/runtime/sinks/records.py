"""Sinks that write one record per frame, as JSON lines on a stream or as a CSV file."""

from __future__ import annotations

import csv
import json
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple, TextIO

from ...errors import OutputError
from ...files import AtomicFile
from ...spec import ClassSet
from ...text import csv_cell
from ..frames import SegmentedFrame
from .overlay import class_shares


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

    ``stream`` belongs to the caller and stays open.
    """

    def __init__(self, stream: TextIO, class_set: ClassSet) -> None:
        self._stream, self._class_set = stream, class_set

    def write(self, result: SegmentedFrame) -> None:
        """Write the record of ``result``.

        Raises:
            BrokenPipeError: the reader closed the pipe.
            OutputError: the stream cannot be written.
        """
        line = json.dumps(Record.of(result, self._class_set)._asdict())
        try:
            print(line, file=self._stream, flush=True)
        except BrokenPipeError:
            raise
        except OSError as error:
            name = getattr(self._stream, "name", "the stream")
            raise OutputError(f"cannot write lines to {name}: {error.strerror or error}") from error

    def close(self) -> None:
        """Do nothing: every line is flushed already."""

    discard = close


class CsvFile:
    """Sink that writes a row per frame: frame, captured, latency_ms, then a share per class.

    The file appears under its name when it is closed, complete, or not at all.

    Raises:
        OutputError: the file cannot be written.
    """

    def __init__(self, path: Path, class_set: ClassSet) -> None:
        self._path, self._class_set = path, class_set
        self._file = AtomicFile(path)
        self._rows = csv.writer(self._file.stream, lineterminator="\n")
        self._rows.writerow(["frame", "captured", "latency_ms", *map(csv_cell, class_set.labels)])

    def write(self, result: SegmentedFrame) -> None:
        """Add the row of ``result``."""
        record = Record.of(result, self._class_set)
        try:
            self._rows.writerow([csv_cell(record.frame), record.captured, record.latency_ms, *record.shares.values()])
        except OSError as error:
            raise OutputError(f"cannot write {self._path}: {error.strerror or error}") from error

    def close(self) -> None:
        """Publish the file."""
        self._file.publish()

    def discard(self) -> None:
        """Remove the partial file."""
        self._file.discard()
