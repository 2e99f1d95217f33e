"""``compare-quantizers`` and ``compare-engines`` from the outside, and how differences are counted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastscnn_edge.cli.main import main
from fastscnn_edge.evaluation.datasets import open_dataset
from fastscnn_edge.export.compare.engines import FLOAT, Tally
from fastscnn_edge.reference.checkpoint import save_checkpoint
from fastscnn_edge.spec import INT8_NATIVE
from tests.helpers import random_model


@pytest.fixture
def checkpoint(tiny_dataset: Path, tmp_path: Path) -> Path:
    classes = open_dataset(tiny_dataset, "train").classes
    path = tmp_path / "float.safetensors"
    save_checkpoint(path, random_model("mmseg", len(classes)), classes, INT8_NATIVE, {"crop": [64, 64]})
    return path


@pytest.fixture
def quantized(checkpoint: Path, tiny_dataset: Path, tmp_path: Path) -> Path:
    out = tmp_path / "int8.safetensors"
    assert (
        main(
            [
                "quantize",
                "--checkpoint",
                str(checkpoint),
                "--recipe",
                "fast",
                "--calibration",
                str(tiny_dataset / "train/images"),
                "--out",
                str(out),
            ]
        )
        == 0
    )
    return out


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


def test_reference_kernels_are_the_evaluator(quantized: Path, tiny_dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "engines.json"
    assert (
        main(
            [
                "compare-engines",
                "--checkpoint",
                str(quantized),
                "--pictures",
                str(tiny_dataset / "val/images"),
                "--json",
                str(out),
            ]
        )
        == 0
    )
    report = json.loads(out.read_text())
    assert report["pictures"] == 2
    engines = report["engines"]
    assert engines["LiteRT, reference kernels"] == {
        "largest": 0,
        "rms": 0,
        "differing": 0,
        "beyond_one": 0,
        "same_class": 1,
    }
    assert len(engines) == 5
    assert all(row["same_class"] > 0.7 for row in engines.values())
    assert all(row["rms"] <= engines[FLOAT]["rms"] for row in engines.values())


logits = hnp.arrays(np.int8, (1, 3, 4, 5))


@given(first=logits, second=logits)
def test_tally_counts_what_numpy_counts(first: np.ndarray, second: np.ndarray) -> None:
    tally = Tally()
    tally.add(first, second)
    tally.add(second, second)
    row = tally.summary()
    gap = np.abs(first.astype(int) - second.astype(int))
    assert row.largest == gap.max()
    assert row.rms == pytest.approx(np.sqrt((gap**2).mean() / 2))
    assert row.differing == pytest.approx((gap > 0).mean() / 2)
    assert row.beyond_one == pytest.approx((gap > 1).mean() / 2)
    assert row.same_class == pytest.approx(((first.argmax(-1) == second.argmax(-1)).mean() + 1) / 2)


@given(value=st.integers(-128, 127))
def test_extremes_do_not_wrap(value: int) -> None:
    tally = Tally()
    tally.add(np.full((1, 1, 1, 2), value, np.int8), np.full((1, 1, 1, 2), -128, np.int8))
    assert tally.summary().largest == value + 128
