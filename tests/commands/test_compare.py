"""``fastscnn-edge compare`` from the outside."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastscnn_edge.bench.bootstrap import Interval
from fastscnn_edge.bench.comparison import compare_reports, verdict
from fastscnn_edge.commands.compare import main
from fastscnn_edge.commands.report import main as report_main
from fastscnn_edge.runtime.report.report import Report, to_json
from tests.helpers.reports import report, run


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    """A real report's JSON with times put in: 10 ms with 2 % noise, and a board that is clean."""
    meter, segmenter, _ = run(4)
    made: Report = report(meter, segmenter)
    return with_times(json.loads(to_json(made.to_dict())), 10e6, 0)


def with_times(data: dict[str, Any], median: float, seed: int) -> dict[str, Any]:
    data = copy.deepcopy(data)
    times = (median * np.exp(np.random.default_rng(seed).normal(0, 0.02, 400))).astype(int).tolist()
    data["samples_ns"] = dict.fromkeys(data["samples_ns"], times)
    data["stages_ms"] = {
        name: dict.fromkeys(("p50", "p90", "p95", "p99", "max"), median / 1e6) for name in data["stages_ms"]
    }
    data["throttle"] = "clean"
    return data


def write(folder: Path, **reports: dict[str, Any]) -> list[str]:
    for name, data in reports.items():
        (folder / f"{name}.json").write_text(json.dumps(data))
    return [str(folder / f"{name}.json") for name in reports]


@pytest.mark.parametrize(
    ("factor", "status", "word"), [(1.0, 0, "no difference"), (1.1, 1, "slower"), (0.9, 0, "faster")]
)
def test_statuses(
    reference: dict, tmp_path: Path, capsys: pytest.CaptureFixture[str], factor: float, status: int, word: str
) -> None:
    paths = write(tmp_path, a=reference, b=with_times(reference, 10e6 * factor, 1))
    assert main([*paths, "--json", str(tmp_path / "v.json")]) == status
    out = capsys.readouterr().out
    assert word in out and "block bootstrap" in out and "warning" not in out
    (found,) = json.loads((tmp_path / "v.json").read_text())["comparisons"]
    assert found["latency"]["low"] < factor * 1.02 and found["latency"]["high"] > factor * 0.98


def test_a_tolerance_lets_small_differences_pass(reference: dict, tmp_path: Path) -> None:
    paths = write(tmp_path, a=reference, b=with_times(reference, 10.5e6, 1))
    assert main(paths) == 1
    assert main([*paths, "--tolerance", "10"]) == 0


def test_conditions_that_differ_are_named(reference: dict, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = copy.deepcopy(reference)
    other["engine"]["threads"] = 4
    other["model"]["spec"]["height"] = 512
    other["states"][0].update(governors=["powersave"], power_mode="MAXN")
    other["versions"]["numpy"] = "0.1"
    other["throttle"] = "throttled"
    paths = write(tmp_path, a=reference, b=other)
    assert main(paths) == 0
    out = capsys.readouterr().out
    for text in (
        "threads: 4, reference 1",
        "model size: 512x96",
        "governor: powersave",
        "power mode: MAXN",
        "numpy 0.1, reference",
        "throttling of this report is throttled",
    ):
        assert text in out, text
    assert main([*paths, "--strict"]) == 2
    assert "conditions differ" in capsys.readouterr().err


def test_idling_at_another_clock_is_no_difference(reference: dict) -> None:
    other = copy.deepcopy(reference)
    other["states"][0]["frequencies"] = [600_000]
    assert compare_reports("b", other, reference).warnings == ()


@given(st.floats(0.1, 10), st.floats(0, 0.5), st.floats(0, 0.5))
def test_the_verdict_is_antisymmetric(ratio: float, spread: float, tolerance: float) -> None:
    interval = Interval(ratio, ratio / (1 + spread), ratio * (1 + spread))
    inverse = Interval(1 / ratio, 1 / interval.high, 1 / interval.low)
    opposite = {"slower": "faster", "faster": "slower"}
    found = verdict(interval, tolerance)
    if min(abs(interval.low - 1 - tolerance), abs(interval.high - 1 / (1 + tolerance))) > 1e-9:
        assert verdict(inverse, tolerance) == opposite.get(found, found)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot read"),
        ("{", "no JSON"),
        ("[]", "names no schema"),
        ('{"schema": "x/9"}', "'x/9'"),
        ('{"schema": "fastscnn_edge.report/1"}', "missing"),
    ],
)
def test_what_is_no_report(
    reference: dict, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, message: str
) -> None:
    paths = write(tmp_path, a=reference)
    if text is not None:
        (tmp_path / "b.json").write_text(text)
    assert main([*paths, str(tmp_path / "b.json")]) == 2
    assert message in capsys.readouterr().err


@given(st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_report_is_one_line(
    reference: dict, tmp_path: Path, capsys: pytest.CaptureFixture[str], data: st.DataObject
) -> None:
    """Anything in it may be gone or something else; nothing in it may end in a traceback."""
    few = {**reference, "samples_ns": {name: times[:20] for name, times in reference["samples_ns"].items()}}
    node = damaged = copy.deepcopy(few)
    while True:
        key = data.draw(st.sampled_from(sorted(node)))
        if not isinstance(node[key], dict) or not node[key] or data.draw(st.booleans()):
            break
        node = node[key]
    if data.draw(st.booleans()):
        del node[key]
    else:
        node[key] = data.draw(st.sampled_from([None, "x", -1, 0.5, [], {}, [None], {"x": 1}]))
    paths = write(tmp_path, a=few, b=damaged)
    for command, words in ((main, paths), (main, paths[::-1]), (report_main, [paths[1]])):
        assert command(words) in (0, 1, 2)
        assert capsys.readouterr().err.count("\n") <= 1


def test_too_few_samples(reference: dict, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = copy.deepcopy(reference)
    few["samples_ns"] = {name: [1, 2, 3] for name in few["samples_ns"]}
    assert main(write(tmp_path, a=reference, b=few)) == 2
    assert "at least 16" in capsys.readouterr().err
    assert main(write(tmp_path, a=reference)) == 2
