from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from fastscnn_edge.evaluation.labels import IGNORE
from fastscnn_edge.evaluation.metrics import Confusion, Scores

CLASSES = 4
_TRUTH = npst.arrays(np.uint8, (5, 6), elements=st.sampled_from([*range(CLASSES), IGNORE]))
_GUESS = npst.arrays(np.uint8, (5, 6), elements=st.integers(0, CLASSES - 1))


def _naive(images: list[tuple[np.ndarray, np.ndarray]]) -> tuple[list[float], float]:
    pairs = [
        (int(t), int(p)) for truth, guess in images for t, p in zip(truth.flat, guess.flat, strict=True) if t != IGNORE
    ]
    ious = []
    for index in range(CLASSES):
        both = sum(t == p == index for t, p in pairs)
        either = sum(index in pair for pair in pairs)
        ious.append(both / either if either else math.nan)
    return ious, sum(t == p for t, p in pairs) / len(pairs) if pairs else math.nan


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(_TRUTH, _GUESS), min_size=1, max_size=3))
def test_scores_equal_the_naive_ones(images: list[tuple[np.ndarray, np.ndarray]]) -> None:
    confusion = Confusion(CLASSES)
    for truth, guess in images:
        confusion.add(truth, guess)
    scores = confusion.scores()
    ious, accuracy = _naive(images)
    counted = [value for value in ious if not math.isnan(value)]
    assert scores.iou == pytest.approx(ious, nan_ok=True)
    assert scores.accuracy == pytest.approx(accuracy, nan_ok=True)
    assert scores.miou == pytest.approx(np.mean(counted) if counted else math.nan, nan_ok=True)


def test_255_classes_do_not_overflow() -> None:
    values = np.arange(255, dtype=np.uint8)[None]
    confusion = Confusion(255)
    confusion.add(values, values[:, ::-1].copy())
    confusion.add(values, values)
    assert confusion.counts[254, 0] == confusion.counts[254, 254] == 1


@pytest.mark.parametrize("guess", [np.full((2, 2), 4, np.uint8), np.full((2, 2), -1)])
def test_values_that_are_no_class_are_refused(guess: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"class map holds values outside 0\.\.3"):
        Confusion(CLASSES).add(np.zeros((2, 2), np.uint8), guess)
    with pytest.raises(ValueError, match="label map holds"):
        Confusion(CLASSES).add(np.full((2, 2), 9, np.uint8), np.zeros((2, 2), np.uint8))


def test_sizes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in size"):
        Confusion(CLASSES).add(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8))


def test_table_has_one_line_a_class() -> None:
    table = Scores((0.5, math.nan), 0.75).table(("road", "sky")).splitlines()
    assert [line.split() for line in table] == [
        ["road", "50.00"],
        ["sky", "nan"],
        ["mIoU", "50.00"],
        ["pixel", "accuracy", "75.00"],
    ]
