"""One board's masks and logits against the baseline's: same, explained, or different."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .probe import DEFAULT, REFERENCE

SAME, EXPLAINED, DIFFERENT = "same", "explained", "different"

MAX_STEPS = 8
"""Steps of an int8 logit by which kernels that round differently may drift apart over the network's depth."""

MAX_RATIO = 1.5
"""Factor by which a board's optimized kernels may be farther from the reference kernels than the baseline's are."""

MAX_RELATIVE = 1e-3
"""Tolerance relative to the largest float logit."""

LEAST_AGREEMENT = 0.98
"""Smallest share of pixels with the same class at which a difference can count as explained."""


@dataclass(frozen=True)
class Probe:
    """Output of ``probe.py``: its JSON and its arrays."""

    facts: dict[str, Any]
    arrays: dict[str, np.ndarray]

    @staticmethod
    def read(folder: Path) -> Probe:
        with np.load(folder / "arrays.npz") as stored:
            return Probe(json.loads((folder / "probe.json").read_text()), dict(stored))

    def run(self, model: str, kernels: str) -> dict[str, Any] | None:
        """The run of one file with one kind of kernels."""
        return next((r for r in self.facts["runs"] if (r["model"], r["kernels"]) == (model, kernels)), None)


@dataclass(frozen=True)
class ProbeComparison:
    """One model, one kind of kernels, all images.

    Attributes:
        pictures, identical: number of masks, and of those equal to the baseline's by sha256.
        agreement: smallest share of pixels with the same class, 0..1.
        largest: largest difference of a logit: steps of an int8 one, else relative to the largest.
        differing: share of logits that differ, 0..1.
        verdict: :data:`SAME`, :data:`EXPLAINED` or :data:`DIFFERENT`.
        reason: why a difference is acceptable, or what is wrong.
    """

    model: str
    kernels: str
    xnnpack: bool
    pictures: int
    identical: int
    agreement: float
    largest: float
    differing: float
    verdict: str
    reason: str


def compare_probes(board: Probe, baseline: Probe) -> list[ProbeComparison]:
    """Compare every run of ``board`` with the baseline's run of the same file and kernels."""
    return [_one(board, baseline, run) for run in board.facts["runs"]]


def _one(board: Probe, baseline: Probe, run: dict[str, Any]) -> ProbeComparison:
    model, kernels = run["model"], run["kernels"]
    expected = baseline.run(model, kernels)
    masks = run["masks"]
    if expected is None or not masks or expected["masks"].keys() != masks.keys():
        return ProbeComparison(
            model, kernels, run["xnnpack"], len(masks), 0, 0.0, 0.0, 0.0, DIFFERENT, "the baseline has no such run"
        )
    identical = sum(masks[name] == expected["masks"][name] for name in masks)
    keys = [f"{model}/{kernels}/{name}" for name in masks]
    agreement = min(float((board.arrays[f"{k}/classes"] == baseline.arrays[f"{k}/classes"]).mean()) for k in keys)
    pairs = [(board.arrays[f"{k}/logits"], baseline.arrays[f"{k}/logits"]) for k in keys]
    largest, differing = logit_gap(pairs)
    verdict, reason = _judge(board, baseline, run, identical == len(masks), agreement, largest)
    return ProbeComparison(
        model, kernels, run["xnnpack"], len(masks), identical, agreement, largest, differing, verdict, reason
    )


def logit_gap(pairs: list[tuple[np.ndarray, np.ndarray]]) -> tuple[float, float]:
    """(largest difference, share that differs) of logits, int8 in steps, float relative to the largest."""
    wide = [(a.astype(np.float64), b.astype(np.float64)) for a, b in pairs]
    largest = max(float(np.abs(a - b).max()) for a, b in wide)
    if pairs[0][0].dtype != np.int8:
        largest /= max(float(np.abs(b).max()) for _, b in wide)
    return largest, float(np.mean([(a != b).mean() for a, b in wide]))


def _judge(
    board: Probe, baseline: Probe, run: dict[str, Any], identical: bool, agreement: float, largest: float
) -> tuple[str, str]:
    expected = baseline.run(run["model"], run["kernels"])
    assert expected is not None
    if run["operators"] != expected["operators"] and run["model"].endswith(".tflite"):
        return DIFFERENT, f"other operators: {run['operators']} instead of {expected['operators']}"
    if run["xnnpack"] != expected["xnnpack"] and run.get("xnnpack_built", True):
        return DIFFERENT, "XNNPACK ran on only one of the two, though both builds have it: are /proc and /sys there?"
    if run["xnnpack"] and not run.get("xnnpack_line"):
        return DIFFERENT, "the engine never logged that it created XNNPACK's delegate"
    if identical and largest == 0:
        return SAME, ""
    return _explain(board, baseline, run, agreement, largest)


def _explain(board: Probe, baseline: Probe, run: dict[str, Any], agreement: float, largest: float) -> tuple[str, str]:
    """Judge a difference; only what can be checked from the data counts as an explanation."""
    expected = baseline.run(run["model"], run["kernels"])
    assert expected is not None
    if agreement < LEAST_AGREEMENT:
        return DIFFERENT, f"only {agreement:.2%} of the pixels agree"
    if run["kernels"] == REFERENCE:
        return DIFFERENT, "reference kernels are plain C++ and must give the same integers everywhere"
    if run["model"].startswith("fp32"):
        if largest <= MAX_RELATIVE:
            without = "" if run.get("xnnpack_built", True) else "this build of the engine has no XNNPACK; "
            return EXPLAINED, f"{without}float sums in another order; logits agree to single precision"
        return DIFFERENT, f"float logits differ by {largest:.1e} of the largest"
    if run["xnnpack"]:
        return DIFFERENT, "XNNPACK's int8 kernels give the same integers on all processors tried"
    if run["model"].endswith(".onnx"):
        if largest > MAX_STEPS:
            return DIFFERENT, f"int8 logits differ by {largest:.0f} steps"
        return EXPLAINED, _onnx_reason(run["operators"], expected["operators"])
    if not _same_by_reference(board, baseline, run["model"]):
        return DIFFERENT, "int8 logits differ, and with reference kernels too"
    ours, theirs = (_rounding(probe, run["model"]) for probe in (board, baseline))
    if ours > MAX_RATIO * theirs:
        return DIFFERENT, (
            f"{ours:.2f} steps (rms) from the reference kernels, where the baseline's kernels are "
            f"{theirs:.2f} from them"
        )
    return EXPLAINED, (
        "optimized kernels without XNNPACK requantize differently per processor; the reference kernels "
        f"give the same integers on both, and the optimized ones are as near to them here ({ours:.2f} "
        f"steps rms) as on the baseline ({theirs:.2f})"
    )


def _onnx_reason(ours: dict[str, int], theirs: dict[str, int]) -> str:
    """Reason for differing .onnx logits: ONNX Runtime chooses by processor which operators it runs in integers."""
    if ours != theirs:
        here, there = (operators.get("QLinearConv", 0) for operators in (ours, theirs))
        return (
            f"ONNX Runtime runs other kernels: {here} convolutions in integers here, {there} on the baseline, the "
            "others in float"
        )
    return (
        "the same operators; ONNX Runtime's float Resize between the integer ones rounds some values to the "
        "neighboring step, and the layers after it spread that"
    )


def _same_by_reference(board: Probe, baseline: Probe, model: str) -> bool:
    ours, theirs = board.run(model, REFERENCE), baseline.run(model, REFERENCE)
    return ours is not None and theirs is not None and ours["masks"] == theirs["masks"]


def _rounding(probe: Probe, model: str) -> float:
    """Root mean square distance, in steps, of the default kernels' int8 logits from the reference kernels'."""
    run = probe.run(model, REFERENCE)
    assert run is not None
    gaps = [
        probe.arrays[f"{model}/{DEFAULT}/{name}/logits"].astype(np.float64)
        - probe.arrays[f"{model}/{REFERENCE}/{name}/logits"]
        for name in run["masks"]
    ]
    return float(np.sqrt(np.mean(np.square(gaps))))
