"""Lines for people and for machines."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from fastscnn_edge.cli.command import guarded
from fastscnn_edge.errors import OutputError
from fastscnn_edge.log import as_json, plain


def test_people_get_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    plain("warning", "a\n  b", number=1)
    plain("info", "c")
    plain("state", "of no interest to people")
    assert capsys.readouterr().err == "fastscnn-edge: warning: a b\nfastscnn-edge: c\n"


def test_machines_get_json(capsys: pytest.CaptureFixture[str]) -> None:
    as_json("state", 'said "so"\n', hottest=1.5, names=["a"])
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    event = json.loads(line)
    assert datetime.fromisoformat(event.pop("time")).utcoffset() is not None
    assert event == {"level": "state", "message": 'said "so"', "hottest": 1.5, "names": ["a"]}


def test_errors_go_to_the_same_log(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> int:
        raise OutputError("no room")

    assert guarded(fail, as_json) == 2
    event = json.loads(capsys.readouterr().err)
    assert (event["level"], event["message"]) == ("error", "no room")
