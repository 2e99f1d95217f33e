"""Records as JSON lines and CSV."""

from __future__ import annotations

import csv
import io
import json
import time
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest

from fastscnn_edge.classes import CAMVID
from fastscnn_edge.errors import OutputError
from fastscnn_edge.runtime.frames import Frame
from fastscnn_edge.runtime.sinks.records import CsvFile, JsonLines

CLASSES = np.repeat(np.array([0, 0, 0, 8], np.uint8), 5).reshape(4, 5)


def frame(name: str, age: float = 0.25) -> Frame:
    return Frame(np.zeros((4, 5, 3), np.uint8), name, time.monotonic() - age)


def test_json_lines() -> None:
    stream = io.StringIO()
    sink = JsonLines(stream, CAMVID)
    sink(frame("a"), CLASSES)
    sink(frame('b"\n'), CLASSES)
    sink.close()
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert list(first) == ["frame", "captured", "latency_ms", "shares"]
    assert (first["frame"], second["frame"]) == ("a", 'b"\n')
    assert tuple(first["shares"]) == CAMVID.labels
    assert {k: v for k, v in first["shares"].items() if v} == {"sky": 0.75, "car": 0.25}
    assert first["latency_ms"] >= 250
    taken = datetime.fromisoformat(first["captured"])
    assert 0.2 < (datetime.now(timezone.utc) - taken).total_seconds() < 60


def test_csv_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "areas.csv"
    sink = CsvFile(path, CAMVID)
    sink(frame("a,b"), CLASSES)
    assert not path.exists()
    sink.close()
    assert [p.name for p in tmp_path.iterdir()] == ["areas.csv"]
    head, row = csv.reader(path.open())
    assert head == ["frame", "captured", "latency_ms", *CAMVID.labels]
    assert row[0] == "a,b"
    assert [float(share) for share in row[3:]] == [0.75, *[0] * 7, 0.25, 0, 0]


def test_csv_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="choose a writable folder"):
        CsvFile(tmp_path / "file" / "a.csv", CAMVID)
