"""The tables made of results, the goals among them, and the page that shows the committed ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.contestants import OURS, REFERENCE
from benchmarks.results import BenchmarkComparison, load
from benchmarks.table import benchmark_markdown, by_pixels, goals

from .case import CASE

ROOT = Path(__file__).parents[2]


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


def test_a_row_a_size() -> None:
    text = by_pixels(BenchmarkComparison({}, [replace(CASE, rows=CASE.rows[:2]), replace(CASE, rows=CASE.rows[:1])]))
    assert text.splitlines()[0] == f"| size | megapixels | threads | {OURS}: ms, MiB | {REFERENCE}: ms, MiB |"
    assert text.splitlines()[2].startswith("| 1024x2048 | 2.10 | 1 | ")
    assert text.splitlines()[2].endswith(", 750 |")
    assert text.splitlines()[3].endswith(", 100 |  |")


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
