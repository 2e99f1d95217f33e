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

from fastscnn_edge.classes import CAMVID, generic
from fastscnn_edge.errors import OutputError
from fastscnn_edge.files import growing
from fastscnn_edge.runtime.frames import SegmentedFrame
from fastscnn_edge.runtime.sinks.records import CsvFile, JsonLines, LinesFile
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


def test_a_class_named_like_a_column_has_a_column_of_its_own(tmp_path: Path) -> None:
    labels = ("frame", "class frame", "latency_ms", "camera", "=x", "'=x", "road", "sky", "car")
    CsvFile(tmp_path / "r.csv", generic(len(labels), labels)).close()
    header = next(csv.reader((tmp_path / "r.csv").read_text().splitlines()))
    assert len(set(header)) == len(header)
    assert header[:4] == ["frame", "captured", "latency_ms", "class frame"]
    assert header[-3:] == ["road", "sky", "car"]


def test_csv_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="choose a writable folder"):
        CsvFile(tmp_path / "file" / "a.csv", CAMVID)


def test_a_discarded_csv_keeps_its_rows_as_unfinished(tmp_path: Path) -> None:
    sink = CsvFile(tmp_path / "a.csv", CAMVID)
    sink.write(frame("a"))
    sink.discard()
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv.part"]
    assert (tmp_path / "a.csv.part").read_text().splitlines()[1].startswith("a,")


@pytest.mark.parametrize("kind", [CsvFile, LinesFile])
def test_records_before_a_full_disk_are_kept_whole(tmp_path: Path, kind: type[CsvFile | LinesFile]) -> None:
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    sink = kind(tmp_path / "a", CAMVID)
    try:
        sink.write(frame("first"))
        kept = (tmp_path / "a.part").read_bytes()
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(kept) + 10, before[1]))
        with pytest.raises(
            OutputError, match=r"cannot write .*a: File too large; what was written before is in .*part"
        ):
            sink.write(frame("second"))  # ten bytes of it fit
        sink.discard()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert [p.name for p in tmp_path.iterdir()] == ["a.part"]
    assert (tmp_path / "a.part").read_bytes() == kept and kept.endswith(b"\n")


def test_lines_in_a_file(tmp_path: Path) -> None:
    sink = LinesFile(tmp_path / "a.jsonl", CAMVID)
    sink.write(frame("a"))
    sink.close()
    assert [p.name for p in tmp_path.iterdir()] == ["a.jsonl"]
    assert json.loads((tmp_path / "a.jsonl").read_text())["shares"]["sky"] == 0.75


def test_lines_redirected_to_a_file_are_flushed_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing, "SYNC_INTERVAL", 0.05)
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    with (tmp_path / "a").open("w") as stream:
        sink = JsonLines(stream, CAMVID)
        sink.write(frame("a"))
        time.sleep(0.3)
        sink.close()
        assert synced == [stream.fileno()]


def test_lines_that_cannot_be_written_are_an_output_error() -> None:
    with open("/dev/full", "w") as full, pytest.raises(OutputError, match="cannot write lines to /dev/full: No space"):
        try:
            JsonLines(full, CAMVID).write(frame("a"))
        finally:
            os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())  # or closing it fails once more
