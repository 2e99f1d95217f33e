"""Reports read back: as written, and refused in one line if a known field is of another type."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fastscnn_edge.commands.compare import main as compare
from fastscnn_edge.commands.report import main as report_command
from fastscnn_edge.errors import UsageError
from fastscnn_edge.runtime.report.accuracy import find_accuracy
from fastscnn_edge.runtime.report.reader import read_report
from fastscnn_edge.runtime.report.report import to_json
from fastscnn_edge.runtime.report.schema import SHAPES, wrong_field
from tests.helpers.reports import report, run

OTHERS = (None, True, "x", -1.5, [], {}, [None], {"x": None}, float("nan"), 10**30)


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    meter, segmenter, _ = run(20)
    data: dict[str, Any] = json.loads(to_json(report(meter, segmenter).to_dict()))
    return data


def test_what_is_written_is_read(written: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(json.dumps(written))
    assert read_report(tmp_path / "r.json") == written
    assert set(written) == set(SHAPES)


def other_types(written: dict[str, Any]) -> list[tuple[str, Any]]:
    """(field, value of another type) pairs; an empty list or object is right where any list or object is."""
    pairs = [(name, value) for name in written for value in OTHERS]
    return [(name, value) for name, value in pairs if wrong_field({name: value})]


def test_most_values_of_another_type_are_told_from_right_ones(written: dict[str, Any]) -> None:
    wrong = other_types(written)
    assert len(wrong) > 0.8 * len(written) * len(OTHERS)
    named = {name for name, _ in wrong}
    assert named == set(written)
    nullable = {"stopped_by", "memory_peak", "watcher", "accuracy", "profile", "rules"}
    nullable |= {"frames_per_second", "frames_began_s", "first_inference_ns"}
    assert {name for name, value in wrong if value is None} == set(written) - nullable


def test_a_field_of_another_type_is_one_line_that_names_it(
    written: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(written))
    for name, value in other_types(written):
        bad.write_text(json.dumps({**written, name: value}))
        for command, paths in ((compare, [good, bad]), (compare, [bad, good]), (report_command, [bad])):
            assert command(list(map(str, paths))) == 2, (name, value)
            said = capsys.readouterr().err
            assert said.count("\n") == 1 and name in said and "unexpected" not in said, (name, value, said)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["board"].update(cores="four"), "'board.cores' is text, not a whole number"),
        (lambda d: d["model"]["spec"].update(height=None), "'model.spec.height' is null"),
        (lambda d: d["samples_ns"]["latency"].append(1.5), r"'samples_ns.latency\[\]' is 1.5"),
        (lambda d: d["states"][0].update(governors="performance"), r"'states\[\].governors' is text, not a list"),
    ],
)
def test_nested_fields_are_named_by_their_path(written: dict[str, Any], tmp_path: Path, change, words: str) -> None:
    data = copy.deepcopy(written)
    change(data)
    (tmp_path / "r.json").write_text(json.dumps(data))
    with pytest.raises(UsageError, match=words):
        read_report(tmp_path / "r.json")


def test_further_fields_of_a_newer_version_are_no_error(written: dict[str, Any], tmp_path: Path) -> None:
    data = copy.deepcopy(written)
    data["invented"], data["board"]["invented"] = None, [1]
    (tmp_path / "r.json").write_text(json.dumps(data))
    assert read_report(tmp_path / "r.json") == data


@pytest.mark.parametrize("command", [report_command, lambda argv: compare([*argv, *argv])])
def test_a_pipe_instead_of_a_report_does_not_hang(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: Callable[[list[str]], int]
) -> None:
    os.mkfifo(tmp_path / "r.json")
    assert command([str(tmp_path / "r.json")]) == 2
    assert "it is a folder, device or pipe, not a report" in capsys.readouterr().err


def test_a_pipe_instead_of_scores_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "s.json")
    with pytest.raises(UsageError, match="it is a folder, device or pipe"):
        find_accuracy(tmp_path / "s.json", "0")
