"""``compare-quantizers`` and ``compare-engines`` from the outside, and how differences are counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fastscnn_edge.cli.main import main


@pytest.mark.slow
def test_every_way_is_measured_on_the_same_pictures(
    checkpoint: Path, quantized: Path, tiny_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "table.json"
    assert (
        main(
            [
                "compare-quantizers",
                "--checkpoint",
                str(checkpoint),
                "--data",
                str(tiny_dataset),
                "--calibration",
                str(tiny_dataset / "train/images"),
                "--also",
                str(quantized),
                "--json",
                str(out),
            ]
        )
        == 0
    )
    rows = json.loads(out.read_text())["rows"]
    ways = [(row["scheme"], row["method"], row["file"]) for row in rows]
    assert ways[0] == ("float", "-", "onnx")
    for recipe in ("fast", "accurate"):
        assert [(s, f) for s, m, f in ways if m == f"ours, {recipe}"] == [
            ("affine", "tflite"),
            ("affine", "onnx"),
            ("symmetric", "onnx"),
        ]
    assert [(s, f) for s, m, f in ways if m == "ptq fast, int8"] == [("affine", "tflite"), ("affine", "onnx")]
    assert sum("quantize_static" in method for _, method, _ in ways) == 5
    assert all(0 <= row["miou"] <= 1 for row in rows)
    printed = capsys.readouterr().out
    assert len(printed.splitlines()) == len(rows) + 2
    # The float file and a file quantized with care segment alike; an untrained network has no margin, hence the slack.
    by_way = dict(zip(ways, (row["miou"] for row in rows), strict=True))
    assert by_way["affine", "ours, accurate", "tflite"] == pytest.approx(by_way["float", "-", "onnx"], abs=0.1)


def test_also_wants_quantized_networks(
    checkpoint: Path, tiny_dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(
            [
                "compare-quantizers",
                "--checkpoint",
                str(checkpoint),
                "--data",
                str(tiny_dataset),
                "--calibration",
                str(tiny_dataset / "train/images"),
                "--also",
                str(checkpoint),
            ]
        )
        == 2
    )
    assert "is not a quantized network" in capsys.readouterr().err
