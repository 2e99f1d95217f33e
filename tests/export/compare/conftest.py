"""A small checkpoint and what quantizing makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastscnn_edge.cli.main import main
from fastscnn_edge.evaluation.datasets import open_dataset
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
