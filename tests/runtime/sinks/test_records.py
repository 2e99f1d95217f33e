"""Records as JSON lines and CSV."""

from __future__ import annotations

import csv
import io
import json
import os
import resource
import signal
import time
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest

from fastscnn_edge.classes import CAMVID
from fastscnn_edge.errors import OutputError
from fastscnn_edge.runtime.frames import SegmentedFrame
from fastscnn_edge.runtime.sinks.records import CsvFile, JsonLines
from tests.helpers import segmented

CLASSES = np.repeat(np.array([0, 0, 0, 8], np.uint8), 5).reshape(4, 5)


def frame(name: str) -> SegmentedFrame:
    """Captured ten seconds ago, segmented in a quarter of a second: the rest is what outputs took."""
    return segmented(np.zeros((4, 5, 3), np.uint8), CLASSES, name, captured_at=time.monotonic() - 10, latency=0.25)


def test_json_lines() -> None:
    stream = io.StringIO()
    sink = JsonLines(stream, CAMVID)
    sink.write(frame("a"))
    sink.write(frame('b"\n'))
    sink.close()
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert list(first) == ["frame", "captured", "latency_ms", "shares"]
    assert (first["frame"], second["frame"]) == ("a", 'b"\n')
    assert tuple(first["shares"]) == CAMVID.labels
    assert {k: v for k, v in first["shares"].items() if v} == {"sky": 0.75, "car": 0.25}
    assert first["latency_ms"] == 250
    taken = datetime.fromisoformat(first["captured"])
    assert 9.9 < (datetime.now(timezone.utc) - taken).total_seconds() < 60


def test_csv_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "areas.csv"
    sink = CsvFile(path, CAMVID)
    sink.write(frame("a,b"))
    assert not path.exists()
    sink.close()
    assert [p.name for p in tmp_path.iterdir()] == ["areas.csv"]
    head, row = csv.reader(path.read_text().splitlines())
    assert head == ["frame", "captured", "latency_ms", *CAMVID.labels]
    assert (row[0], float(row[2])) == ("a,b", 250)
    assert [float(share) for share in row[3:]] == [0.75, *[0] * 7, 0.25, 0, 0]


def test_csv_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="choose a writable folder"):
        CsvFile(tmp_path / "file" / "a.csv", CAMVID)


def test_a_discarded_csv_leaves_nothing(tmp_path: Path) -> None:
    sink = CsvFile(tmp_path / "a.csv", CAMVID)
    sink.write(frame("a"))
    sink.discard()
    assert not list(tmp_path.iterdir())


def test_a_csv_on_a_full_disk_is_not_published(tmp_path: Path) -> None:
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    sink = CsvFile(tmp_path / "a.csv", CAMVID)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
        sink.write(frame("a"))  # still in the buffer
        with pytest.raises(OutputError, match=r"cannot write .*a\.csv: File too large"):
            sink.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert not list(tmp_path.iterdir())


def test_lines_that_cannot_be_written_are_an_output_error() -> None:
    with open("/dev/full", "w") as full, pytest.raises(OutputError, match="cannot write lines to /dev/full: No space"):
        try:
            JsonLines(full, CAMVID).write(frame("a"))
        finally:
            os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())  # or closing it fails once more
