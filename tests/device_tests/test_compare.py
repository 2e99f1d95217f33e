"""When a difference is a fault."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest

from device_tests.compare import DIFFERENT, EXPLAINED, SAME, Probe, compare_probes, logit_gap
from device_tests.probe import DEFAULT, REFERENCE

INT8 = "int8.tflite"


def probe(*runs: tuple[str, str, np.ndarray], **facts: Any) -> Probe:
    """Runs of (model, kernels, logits [h, w, C]); the class map is their argmax."""
    listed, arrays = [], {}
    for model, kernels, logits in runs:
        classes = logits.argmax(-1).astype(np.uint8)
        arrays[f"{model}/{kernels}/a/logits"], arrays[f"{model}/{kernels}/a/classes"] = logits, classes
        listed.append(
            {
                "model": model,
                "kernels": kernels,
                "xnnpack": False,
                "operators": {"CONV_2D": 1},
                "masks": {"a": hashlib.sha256(classes.tobytes()).hexdigest()},
                **facts,
            }
        )
    return Probe({"runs": listed}, arrays)


def logits(seed: int = 0, dtype: type = np.int8) -> np.ndarray:
    return np.random.default_rng(seed).integers(-90, 90, (40, 50, 3)).astype(dtype)


def moved(values: np.ndarray, by: float) -> np.ndarray:
    """One logit changed, where it changes no class."""
    result = values.copy()
    result[0, 0, values[0, 0].argmin()] -= values.dtype.type(by)
    return result


def verdict(board: Probe, baseline: Probe) -> str:
    return compare_probes(board, baseline)[0].verdict


def test_the_same_is_the_same() -> None:
    board = probe((INT8, DEFAULT, logits()))
    found = compare_probes(board, probe((INT8, DEFAULT, logits())))[0]
    assert (found.verdict, found.identical, found.agreement, found.largest) == (SAME, 1, 1.0, 0.0)


def test_equal_masks_do_not_hide_other_logits() -> None:
    assert verdict(probe((INT8, REFERENCE, moved(logits(), 1))), probe((INT8, REFERENCE, logits()))) == DIFFERENT


def test_optimized_kernels_may_round_only_where_reference_kernels_agree() -> None:
    exact = logits()
    same, baseline = (INT8, REFERENCE, exact), probe((INT8, DEFAULT, moved(exact, 2)), (INT8, REFERENCE, exact))
    assert verdict(probe((INT8, DEFAULT, moved(exact, 1)), same), baseline) == EXPLAINED
    assert verdict(probe((INT8, DEFAULT, moved(exact, 20)), same), baseline) == DIFFERENT  # ten times as far
    assert verdict(probe((INT8, DEFAULT, moved(exact, 1)), (INT8, REFERENCE, logits(1))), baseline) == DIFFERENT
    assert verdict(probe((INT8, DEFAULT, moved(exact, 1))), baseline) == DIFFERENT


def test_xnnpack_must_be_exact_and_must_have_run() -> None:
    on = {"xnnpack": True, "xnnpack_line": True}
    baseline = probe((INT8, DEFAULT, logits()), **on)
    assert verdict(probe((INT8, DEFAULT, moved(logits(), 1)), **on), baseline) == DIFFERENT
    assert verdict(probe((INT8, DEFAULT, logits())), baseline) == DIFFERENT
    silent = probe((INT8, DEFAULT, logits()), xnnpack=True, xnnpack_line=False)
    assert verdict(silent, baseline) == DIFFERENT


def test_a_build_without_xnnpack_may_do_without_it_in_float() -> None:
    base, model = logits(dtype=np.float32), "fp32.tflite"
    baseline = probe((model, DEFAULT, base), xnnpack=True, xnnpack_line=True, xnnpack_built=True)
    assert verdict(probe((model, DEFAULT, moved(base, 1e-3)), xnnpack_built=False), baseline) == EXPLAINED
    assert verdict(probe((model, DEFAULT, moved(base, 1e-3)), xnnpack_built=True), baseline) == DIFFERENT


def test_float_sums_may_come_in_another_order_and_no_more() -> None:
    base, model = logits(dtype=np.float32), "fp32.tflite"
    baseline = probe((model, DEFAULT, base))
    assert verdict(probe((model, DEFAULT, moved(base, 1e-3))), baseline) == EXPLAINED
    assert verdict(probe((model, DEFAULT, moved(base, 9))), baseline) == DIFFERENT


@pytest.mark.parametrize("change", [{"operators": {"ADD": 1}}, {"masks": {}}])
def test_other_operators_or_pictures_are_a_fault(change: dict[str, Any]) -> None:
    assert verdict(probe((INT8, DEFAULT, logits()), **change), probe((INT8, DEFAULT, logits()))) == DIFFERENT


def test_onnx_runtime_may_choose_other_kernels_and_the_reason_says_so() -> None:
    base = logits()
    board = probe(("a.onnx", DEFAULT, moved(base, 2)), operators={"QLinearConv": 45})
    found = compare_probes(board, probe(("a.onnx", DEFAULT, base), operators={"QLinearConv": 33, "Conv": 12}))[0]
    assert found.verdict == EXPLAINED
    assert "45 convolutions in integers here, 33" in found.reason
    assert verdict(probe(("a.onnx", DEFAULT, moved(base, 9))), probe(("a.onnx", DEFAULT, base))) == DIFFERENT


def test_a_run_without_a_baseline_is_a_fault() -> None:
    assert verdict(probe((INT8, DEFAULT, logits())), probe((INT8, REFERENCE, logits()))) == DIFFERENT


def test_other_pictures_cannot_agree() -> None:
    assert verdict(probe(("x.onnx", DEFAULT, logits(3))), probe(("x.onnx", DEFAULT, logits()))) == DIFFERENT


def test_gap_counts_int8_in_steps_without_overflow() -> None:
    low, high = np.full((1, 1, 2), -128, np.int8), np.full((1, 1, 2), 127, np.int8)
    assert logit_gap([(low, high)]) == (255.0, 1.0)
    assert logit_gap([(np.float32([2, 0]), np.float32([4, 0]))]) == (0.5, 0.5)
