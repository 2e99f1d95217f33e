"""Ratios of interleaved rounds, and the tables made of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.chart import draw
from benchmarks.compare import main
from benchmarks.contestants import CONTESTANTS, OURS, REFERENCE
from benchmarks.repeat import compare_runs
from benchmarks.results import BenchmarkComparison, Case, Measurement, load, save
from benchmarks.rounds import RESTART, ratio
from benchmarks.table import benchmark_markdown, by_pixels, goals
from fastscnn_edge.errors import UsageError

MIB = 1 << 20
ROOT = Path(__file__).parents[2]


def rounds(milliseconds: float, count: int = 9, noise: float = 0.02, seed: int = 0) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [[int(1e6 * milliseconds * f) for f in rng.normal(1, noise, 4)] for _ in range(count)]


def row(name: str, milliseconds: float, mebibytes: int, ours: bool = False) -> Measurement:
    return Measurement(name, "int8", ours, "words", "package 1.0", rounds(milliseconds), mebibytes * MIB, 1.0)


CASE = Case(
    (1024, 2048),
    1,
    [
        row(OURS, 50, 100, ours=True),
        row(REFERENCE, 240, 750),
        row("OpenVINO INT8", 40, 200),
        row("TFLite INT8 in graph", 80, 150),
        Measurement("MNN INT8", "int8", False, "", "", problem="no | such file"),
    ],
)


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=9), st.floats(0.1, 10))
@settings(max_examples=50, deadline=None)
def test_a_machine_that_slows_down_for_both_changes_nothing(speeds: list[int], factor: float) -> None:
    """Paired rounds: whatever the machine did meanwhile, the ratio is exact, and its interval as narrow as it gets."""
    below = [[1000 * s] * 3 for s in speeds]
    above = [[int(1000 * s * factor)] * 3 for s in speeds]
    found = ratio(above, below)
    assert found.low <= found.value <= found.high
    assert found.value == pytest.approx(factor, rel=1e-2)
    assert found.high - found.low <= (2 * RESTART + 0.02) * factor


def test_the_interval_has_the_truth_as_often_as_it_says() -> None:
    hits = 0
    for seed in range(60):
        found = ratio(rounds(30, noise=0.1, seed=seed), rounds(20, noise=0.1, seed=1000 + seed))
        hits += found.low <= 1.5 <= found.high
    assert hits >= 50  # 95 % of 60 are 57


def test_goals_are_judged() -> None:
    judged = {what: met for what, _, met in goals(CASE)}
    assert judged == {
        f"4.5 times as fast as {REFERENCE}": True,
        f"a seventh of the memory of {REFERENCE}": True,
        "faster than OpenVINO INT8": False,
        "1.5 times as fast as TFLite INT8 in graph": True,
        "not slower than any peer (fastest: OpenVINO INT8)": False,
    }
    small = replace(CASE, size=(360, 480))
    assert not any(REFERENCE in what for what, _, _ in goals(small))
    assert not list(goals(replace(CASE, rows=CASE.rows[1:])))  # without ours there is nothing to judge


def test_the_table_says_everything_and_what_did_not_run() -> None:
    text = benchmark_markdown(BenchmarkComparison({"machine": "a board"}, [CASE]))
    assert "machine: a board" in text
    assert "### 1024x2048, 1 thread\n" in text
    assert f"| **{OURS}** | int8 | 50." in text or f"| **{OURS}** | int8 | 49." in text
    assert "did not run: no \\| such file" in text
    assert f"| {OURS} | words | package 1.0 |" in text
    table = text[text.index("###") :]
    order = [table.index(name) for name in ("| OpenVINO INT8", f"| **{OURS}**", "| TFLite", f"| {REFERENCE}")]
    assert order == sorted(order)


def test_results_survive_being_written(tmp_path: Path) -> None:
    path = tmp_path / "comparison.json"
    save(BenchmarkComparison({"rounds": 9}, [CASE]), path)
    assert benchmark_markdown(load(path)) == benchmark_markdown(BenchmarkComparison({"rounds": 9}, [CASE]))
    assert main(["--show", str(path), "--markdown", str(tmp_path / "a.md"), "--plot", str(tmp_path / "a.png")]) == 0
    assert (tmp_path / "a.md").read_text() == benchmark_markdown(load(path))
    assert draw(CASE).width > 400


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"schema": "other/1"}', '{"schema": "fastscnn_edge.comparison/1"}']
)
def test_other_files_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"other\.json"):
        load(path)
    assert main(["--show", str(path)]) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--only", "nobody"], "no contestant"),
        (["--checkpoint", "absent.pth"], "no such checkpoint: absent.pth"),
        (["--pictures", "absent"], "absent"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_contestants_are_told_apart() -> None:
    assert len({c.name for c in CONTESTANTS}) == len(CONTESTANTS)
    assert {OURS, REFERENCE} <= {c.name for c in CONTESTANTS}


def test_a_row_a_size() -> None:
    text = by_pixels(BenchmarkComparison({}, [replace(CASE, rows=CASE.rows[:2]), replace(CASE, rows=CASE.rows[:1])]))
    assert text.splitlines()[0] == f"| size | megapixels | threads | {OURS}: ms, MiB | {REFERENCE}: ms, MiB |"
    assert text.splitlines()[2].startswith("| 1024x2048 | 2.10 | 1 | ")
    assert text.splitlines()[2].endswith(", 750 |")
    assert text.splitlines()[3].endswith(", 100 |  |")


def test_another_run_is_held_against_the_stated_intervals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    again = replace(CASE, rows=[CASE.rows[0], row(REFERENCE, 241, 750), row("OpenVINO INT8", 80, 200), CASE.rows[-1]])
    count, outside = compare_runs(BenchmarkComparison({}, [CASE]), BenchmarkComparison({}, [again]))
    assert (count, [one.name for one in outside]) == (2, ["OpenVINO INT8"])
    paths = [tmp_path / "stated.json", tmp_path / "again.json"]
    for path, case in zip(paths, (CASE, again), strict=True):
        save(BenchmarkComparison({}, [case]), path)
    assert main(["--show", str(paths[1]), "--against", str(paths[0])]) == 0
    said = capsys.readouterr().out
    assert f"1 of 2 ratios lie within the intervals of {paths[0]}\n- 1024x2048, 1 thread: OpenVINO INT8 is 1.6" in said


@pytest.mark.parametrize("name", ["camvid", "mmseg", "pixels"])
def test_committed_results_are_what_the_page_shows(name: str) -> None:
    page = (ROOT / "docs/performance.md").read_text()
    comparison = load(ROOT / "benchmarks" / "results" / f"{name}.json")
    assert comparison.about["weights"].split(",")[0] in page
    if name == "pixels":
        assert by_pixels(comparison) in page
        return
    for block in benchmark_markdown(BenchmarkComparison({}, comparison.cases)).strip().split("\n\n"):
        assert block in page or block.startswith("###"), block
