"""Logits compared, and the table of what ran and what did not."""

from __future__ import annotations

import numpy as np
import pytest

from device_tests.interop.report import InteropResult, compare_logits, interop_markdown

LOGITS = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)


def test_equal_logits_are_equal() -> None:
    assert compare_logits(LOGITS, LOGITS.copy()) == (0.0, 1.0)


def test_differences_are_relative_to_the_largest_logit() -> None:
    reference = np.zeros((1, 2, 1, 2), np.float32)
    reference[0, 0] = (4, -8)
    logits = reference.copy()
    logits[0, 0, 0, 0] = -2  # class 1 wins now
    assert compare_logits(reference, logits) == (6 / 8, 0.5)


@pytest.mark.parametrize("logits", [LOGITS.transpose(0, 2, 3, 1), LOGITS[:1], np.full_like(LOGITS, np.nan)])
def test_other_shapes_and_nan_are_no_result(logits: np.ndarray) -> None:
    with pytest.raises(ValueError, match="logits are"):
        compare_logits(LOGITS, logits)


def test_the_table_keeps_what_did_not_run() -> None:
    failed = InteropResult("b", "b 2", "fp32", problem="`pip`: status 1")
    text = interop_markdown([InteropResult("a", "a 1", "fp32", 1.5e-6, 0.99995), failed])
    assert "| a | a 1 | fp32 | 1.5e-06 | 100.00 % |" in text
    assert "| b | b 2 | fp32 | did not run |  |" in text
    assert text.endswith("\nb, fp32: `pip`: status 1\n")
