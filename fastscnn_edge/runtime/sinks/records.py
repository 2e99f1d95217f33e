"""One record a frame, as JSON lines on a stream or as a CSV file."""

from __future__ import annotations

import csv
import json
import time
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np

from ...files import atomic_path
from ...spec import ClassSet
from ..frames import Frame
from .overlay import class_shares


class Record(NamedTuple):
    """What a frame's classes come to.

    Attributes:
        frame: its name.
        captured: when it was taken (camera) or read (file): UTC, ISO 8601 with milliseconds.
        latency_ms: from then to now, when its classes are known.
        shares: class label -> share of the pixels, all classes, sum 1 up to rounding.
    """

    frame: str
    captured: str
    latency_ms: float
    shares: dict[str, float]

    @staticmethod
    def of(frame: Frame, classes: np.ndarray, class_set: ClassSet) -> Record:
        """Of ``classes`` uint8 [H, W], now."""
        latency = time.monotonic() - frame.captured_at
        captured = datetime.fromtimestamp(time.time() - latency, timezone.utc)
        shares = class_shares(classes, len(class_set))
        return Record(
            frame=frame.name,
            captured=captured.isoformat(timespec="milliseconds"),
            latency_ms=round(latency * 1e3, 3),
            shares={label: round(float(share), 6) for label, share in zip(class_set.labels, shares, strict=True)},
        )


class JsonLines:
    """A sink that writes a line of JSON per frame, at once, so that a reader at the other end of a pipe keeps up."""

    def __init__(self, stream: TextIO, class_set: ClassSet) -> None:
        self._stream, self._class_set = stream, class_set

    def __call__(self, frame: Frame, classes: np.ndarray) -> None:
        record = Record.of(frame, classes, self._class_set)
        print(json.dumps(record._asdict()), file=self._stream, flush=True)

    def close(self) -> None:
        """The stream belongs to the caller."""


class CsvFile:
    """A sink that writes a row per frame: frame, captured, latency_ms, then a share per class.

    The file appears under its name when it is closed, whole.

    Raises:
        OutputError: the file cannot be written.
    """

    def __init__(self, path: Path, class_set: ClassSet) -> None:
        self._class_set = class_set
        self._resources = ExitStack()
        temporary = self._resources.enter_context(atomic_path(path))
        stream = self._resources.enter_context(temporary.open("w", newline="", encoding="utf-8"))
        self._rows = csv.writer(stream, lineterminator="\n")
        self._rows.writerow(["frame", "captured", "latency_ms", *class_set.labels])

    def __call__(self, frame: Frame, classes: np.ndarray) -> None:
        record = Record.of(frame, classes, self._class_set)
        self._rows.writerow([record.frame, record.captured, record.latency_ms, *record.shares.values()])

    def close(self) -> None:
        self._resources.close()
