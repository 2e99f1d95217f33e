"""The ways to a class map give the same one, and the table has a column for each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.masks import measure_masks, share_of_mixed, ways
from fastscnn_edge import Segmenter
from fastscnn_edge.quantization.calibration.calibration_images import calibration_files

STREET = Path(__file__).parents[2] / "examples" / "street"


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    """The bundled network, which has run on a frame."""
    segmenter = Segmenter(threads=1)
    segmenter.predict(
        np.random.default_rng(0).integers(0, 256, (segmenter.spec.height, segmenter.spec.width, 3), np.uint8)
    )
    return segmenter


def test_all_lazy_ways_give_the_same_pixels(segmenter: Segmenter) -> None:
    logits = segmenter.engine.logits()
    found = {name: way(logits) for name, way in ways(segmenter, 1).items()}
    first = found.pop("lazy, ours")
    assert set(found) == {"lazy, for any size", "lazy, all classes", "in a TFLite graph"}
    np.testing.assert_array_equal(found["lazy, for any size"], first)
    np.testing.assert_array_equal(found["lazy, all classes"], first)
    assert np.mean(found["in a TFLite graph"] == first) > 0.97


def test_a_row_for_each_image_and_one_for_memory(segmenter: Segmenter) -> None:
    head, row, memory = measure_masks(segmenter, calibration_files(STREET, 1), 1, 1)
    assert len(head) == len(row) == len(memory)
    assert memory[0] == "memory, MiB"


def test_the_share_of_mixed_cells() -> None:
    logits = np.zeros((1, 2, 2), np.int8)
    assert share_of_mixed(logits) == 0
    logits[0, 1, 1] = 1  # cells between the two points: one column of three
    assert share_of_mixed(logits) == pytest.approx(1 / 3)
