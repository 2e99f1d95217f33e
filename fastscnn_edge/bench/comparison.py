"""Comparison of two reports: differences beyond noise, and conditions that differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..runtime.board.board import CLEAN
from .bootstrap import LEVEL, RESAMPLES, Interval, block_length, ratio_of_medians

MIN_SAMPLES = 16

METHOD = (
    f"ratio of medians with its {LEVEL:.0%} interval from a circular block bootstrap ({RESAMPLES} resamples; block "
    "length by Politis and White from the autocorrelation of the samples). It covers the noise within these runs, not "
    "the variation between runs: repeat a run to see that."
)


@dataclass(frozen=True)
class ReportComparison:
    """Comparison of one report with the reference.

    Attributes:
        name: name of the report's file.
        stages: stage -> ratio to the reference, below 1 is faster.
        latency: ratio of the whole latency, which the verdict is about.
        verdict: ``faster``, ``slower`` or ``no difference beyond noise``.
        blocks: frames in one block, here and in the reference.
        warnings: conditions that differ.
    """

    name: str
    latency: Interval
    stages: dict[str, Interval]
    verdict: str
    blocks: tuple[int, int]
    warnings: tuple[str, ...]


def compare_reports(
    name: str, report: dict[str, Any], reference: dict[str, Any], tolerance: float = 0.0
) -> ReportComparison:
    """Compare ``report`` with ``reference``; ``tolerance`` is a fraction of 1."""
    ours, theirs = report["samples_ns"], reference["samples_ns"]
    stages = {}
    for stage in ours:
        if stage in theirs and stage not in ("total", "latency") and min(_median(ours[stage]), _median(theirs[stage])):
            stages[stage] = ratio_of_medians(ours[stage], theirs[stage])
    latency = ratio_of_medians(ours["latency"], theirs["latency"])
    return ReportComparison(
        name,
        latency,
        stages,
        verdict(latency, tolerance),
        (block_length(ours["latency"]), block_length(theirs["latency"])),
        tuple(differences(report, reference)),
    )


def verdict(interval: Interval, tolerance: float) -> str:
    """Verdict from the whole interval: ``faster``, ``slower`` or ``no difference beyond noise``."""
    if interval.low > 1 + tolerance:
        return "slower"
    if interval.high < 1 / (1 + tolerance):
        return "faster"
    return "no difference beyond noise"


def differences(report: dict[str, Any], reference: dict[str, Any]) -> list[str]:
    """Conditions that differ or make any comparison doubtful, one line each."""
    found = []
    for name, read in _CONDITIONS.items():
        ours, theirs = read(report), read(reference)
        if ours != theirs:
            found.append(f"{name}: {_plain(ours)}, reference {_plain(theirs)}")
    ours, theirs = report["versions"], reference["versions"]
    changed = [
        f"{package} {ours.get(package, 'absent')}, reference {theirs.get(package, 'absent')}"
        for package in sorted({*ours, *theirs})
        if ours.get(package) != theirs.get(package)
    ]
    if changed:
        found.append(f"versions: {'; '.join(changed)}")
    for who, data in (("this report", report), ("the reference", reference)):
        if data["throttle"] != CLEAN:
            found.append(f"throttling of {who} is {data['throttle']}")
        if data.get("rules") and not data["rules"]["stable"]:
            found.append(f"{who} had not warmed up")
    return found


_CONDITIONS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "kind": lambda r: r.get("kind", "run"),
    "board": lambda r: r["board"]["model"] or r["board"]["cpu"],
    "kernel": lambda r: r["board"]["kernel"],
    "model file": lambda r: r["model"]["sha256"][:12],
    "precision": lambda r: r["model"]["spec"]["precision"],
    "model size": lambda r: f"{r['model']['spec']['height']}x{r['model']['spec']['width']}",
    "engine": lambda r: r["engine"]["name"],
    "threads": lambda r: r["engine"]["threads"],
    "source": lambda r: f"{r['source']['kind']} {r['source']['name']}",
    "frame size": lambda r: r["source"]["size"],
    "governor": lambda r: sorted({g for s in r["states"] for g in s["governors"]}),
    "power mode": lambda r: sorted({" ".join(s["power_mode"].split()) for s in r["states"] if s["power_mode"]}),
}


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return "x".join(map(str, value)) if value and isinstance(value[0], int) else ", ".join(value) or "unknown"
    return "unknown" if value is None else str(value)


def _median(samples: list[int]) -> int:
    return sorted(samples)[len(samples) // 2] if samples else 0
