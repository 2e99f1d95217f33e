"""Results as a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.compare import main
from benchmarks.results import BenchmarkComparison, load, save
from benchmarks.table import benchmark_markdown
from fastscnn_edge.errors import UsageError

from .case import CASE


def test_results_survive_being_written(tmp_path: Path) -> None:
    path = tmp_path / "comparison.json"
    save(BenchmarkComparison({"rounds": 9}, [CASE]), path)
    assert benchmark_markdown(load(path)) == benchmark_markdown(BenchmarkComparison({"rounds": 9}, [CASE]))


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"schema": "other/1"}', '{"schema": "fastscnn_edge.comparison/1"}']
)
def test_other_files_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"other\.json"):
        load(path)
    assert main(["--show", str(path)]) == 2
