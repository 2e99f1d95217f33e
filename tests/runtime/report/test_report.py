"""The report, from faked frames to JSON and Markdown."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fastscnn_edge.runtime.report import html as report_html
from fastscnn_edge.runtime.report.charts import Series
from fastscnn_edge.runtime.report.markdown import markdown_report
from fastscnn_edge.runtime.report.report_files import ReportFiles
from tests.helpers.reports import report, run


def test_frames_pass_through_all_stages() -> None:
    meter, segmenter, drawn = run(3)
    assert drawn == ["frame_000001", "frame_000002", "frame_000003"]
    assert meter.frames == 3
    assert len(meter.warm_up) == 2
    assert segmenter.engine.invocations == 5  # type: ignore[attr-defined]  # the fake counts


def test_a_limit_and_a_stop_end_the_run() -> None:
    assert run(5, limit=2)[0].frames == 2
    answers = iter([False, False, False, True])
    assert run(5, stopped=lambda: next(answers))[0].frames == 3


def test_json_keeps_every_sample(tmp_path: Path) -> None:
    meter, segmenter, _ = run(4)
    with ReportFiles(tmp_path / "r.json") as files:
        report(meter, segmenter).write(files)
    data = json.loads((tmp_path / "r.json").read_text())
    assert data["schema"] == "fastscnn_edge.report/1"
    assert data["samples_ns"] == {**meter.samples, "latency": meter.latency}
    assert data["stages_ms"]["invoke"]["max"] == max(meter.samples["invoke"]) / 1e6
    assert data["first_inference_ns"] == meter.warm_up[0]
    assert data["model"]["sha256"] == "ab" * 32
    assert data["model"]["spec"]["height"] == 64
    assert data["memory_after"]["peak_rss"] is None
    assert data["throttle"] == "unknown"
    assert data["versions"]["numpy"] == np.__version__
    assert {p.name for p in tmp_path.iterdir()} == {"r.json", "r.md", "r.html"}


@pytest.mark.parametrize("frames", [0, 1, 4])
def test_markdown_tables_are_whole(frames: int) -> None:
    meter, segmenter, _ = run(frames)
    text = markdown_report(report(meter, segmenter).to_dict())
    assert f"{frames} frame" in text
    for block in text.split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({row.count("|") for row in rows}) <= 1, block
    assert "None" not in text


def test_what_was_dropped_is_told_by_who_dropped_it() -> None:
    meter, segmenter, _ = run(2)
    data = report(meter, segmenter).to_dict()
    data["dropped"] = {"by_camera": 3, "for_newer": 5, "not_drawn": 7}
    text = markdown_report(data)
    assert "3 by the camera or its driver, 5 for newer ones" in text and "7 segmented but not drawn" in text


@pytest.mark.parametrize("samples", [[], [0, 5_000_000], [-1, 5_000_000]], ids=["none", "zero", "negative"])
def test_a_page_without_a_usable_latency_has_no_histogram(samples: list[int]) -> None:
    """Its axis is logarithmic: a clock that stood still must not end the page."""
    meter, segmenter, _ = run(2)
    data = report(meter, segmenter).to_dict()
    assert "Distribution of the latency" in report_html.html_page(data)
    data["samples_ns"]["latency"] = samples
    assert "Distribution of the latency" not in report_html.html_page(data)


def test_the_page_s_time_axis_is_the_clock_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames of a run overlap: the sum of their work is not the time that has passed."""
    drawn: list[list[float]] = []

    def chart(series: list[Series], *labels: str, **options) -> str:
        drawn.append([x for x, _ in series[0].points])
        return ""

    monkeypatch.setattr(report_html, "line_chart", chart)
    meter, segmenter, _ = run(4)
    data = report(meter, segmenter).to_dict()
    data["samples_ns"]["total"] = [10**9] * 4
    data.update(frames_began_s=2.0, frames_per_second=40.0)
    report_html.html_page(data)
    assert drawn[0] == pytest.approx([2.025, 2.05, 2.075, 2.1])
