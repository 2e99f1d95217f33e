"""``fastscnn-edge compare``: whether reports differ beyond noise, and whether they may be compared at all."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..bench.bootstrap import LEVEL, RESAMPLES, Interval, block_length, ratio_of_medians
from ..cli.command import guarded, parser, require
from ..errors import UsageError
from ..files import write_text
from ..runtime.board.board import CLEAN
from ..runtime.report.reader import damage_told, read_report

EXIT_SLOWER = 1
MIN_SAMPLES = 16

METHOD = (
    f"ratio of medians with its {LEVEL:.0%} interval from a circular block bootstrap ({RESAMPLES} resamples; block "
    "length by Politis and White from the autocorrelation of the samples). It covers the noise inside these runs, not "
    "what changes from one run to the next: repeat a run to learn that."
)


@dataclass(frozen=True)
class Comparison:
    """One report beside the reference.

    Attributes:
        name: of its file.
        stages: stage -> ratio to the reference, below 1 is faster.
        latency: the same for the whole latency, which the verdict is about.
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


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    result = parser(
        "compare",
        "Compare reports of 'bench' or 'run' with the first of them.\n"
        f"Method: {METHOD}\n"
        "Exit status: 0 none is slower than the first beyond noise and --tolerance, 1 one is, 2 bad input or,\n"
        "with --strict, conditions that differ.",
        """
        fastscnn-edge compare before.json after.json
        fastscnn-edge compare pi4.json pi5.json jetson.json
        fastscnn-edge compare before.json after.json --tolerance 2 --strict --json verdict.json
        """,
    )
    result.add_argument("reports", nargs="+", type=Path, metavar="FILE.json", help="the first is the reference")
    result.add_argument("--tolerance", type=_percent, default=0.0, metavar="PERCENT",
                        help="call a difference one only where the whole interval is further from 1 than this "
                             "(default: 0)")
    result.add_argument("--strict", action="store_true", help="refuse to compare where conditions differ")
    result.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    options = result.parse_args(argv)
    return guarded(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    require(len(options.reports) >= 2, "compare needs at least two reports")
    reports = [_read(path) for path in options.reports]
    results = []
    for path, report in zip(options.reports[1:], reports[1:], strict=True):
        with damage_told(path, options.reports[0]):
            results.append(compare(str(path), report, reports[0], options.tolerance / 100))
    differing = [f"{result.name}: {warning}" for result in results for warning in result.warnings]
    if options.strict and differing:
        raise UsageError(f"conditions differ: {'; '.join(differing)}")
    if options.json:
        plain = [{**asdict(r), "latency": r.latency._asdict(),
                  "stages": {name: i._asdict() for name, i in r.stages.items()}} for r in results]
        write_text(options.json, json.dumps({"reference": str(options.reports[0]), "method": METHOD,
                                             "comparisons": plain}, indent=1) + "\n")
    with damage_told(*options.reports):
        print(_text(str(options.reports[0]), reports[0], list(zip(results, reports[1:], strict=True))))
    return EXIT_SLOWER if any(result.verdict == "slower" for result in results) else 0


def _read(path: Path) -> dict[str, Any]:
    with damage_told(path):
        report = read_report(path)
        found = len(report["samples_ns"]["latency"])
    require(found >= MIN_SAMPLES, f"{path} has {found} samples; a comparison needs at least {MIN_SAMPLES}")
    return report


def compare(name: str, report: dict[str, Any], reference: dict[str, Any], tolerance: float = 0.0) -> Comparison:
    """``report`` beside ``reference``; ``tolerance`` is a fraction of 1."""
    ours, theirs = report["samples_ns"], reference["samples_ns"]
    stages = {}
    for stage in ours:
        if stage in theirs and stage not in ("total", "latency") and min(_median(ours[stage]), _median(theirs[stage])):
            stages[stage] = ratio_of_medians(ours[stage], theirs[stage])
    latency = ratio_of_medians(ours["latency"], theirs["latency"])
    return Comparison(name, latency, stages, verdict(latency, tolerance),
                      (block_length(ours["latency"]), block_length(theirs["latency"])),
                      tuple(differences(report, reference)))


def verdict(interval: Interval, tolerance: float) -> str:
    """What the whole interval says."""
    if interval.low > 1 + tolerance:
        return "slower"
    if interval.high < 1 / (1 + tolerance):
        return "faster"
    return "no difference beyond noise"


def differences(report: dict[str, Any], reference: dict[str, Any]) -> list[str]:
    """Conditions that differ, or that make any comparison doubtful, one line each."""
    found = []
    for name, read in _CONDITIONS.items():
        ours, theirs = read(report), read(reference)
        if ours != theirs:
            found.append(f"{name}: {_plain(ours)}, reference {_plain(theirs)}")
    ours, theirs = report["versions"], reference["versions"]
    changed = [f"{package} {ours.get(package, 'absent')}, reference {theirs.get(package, 'absent')}"
               for package in sorted({*ours, *theirs}) if ours.get(package) != theirs.get(package)]
    if changed:
        found.append(f"versions: {'; '.join(changed)}")
    for who, data in (("this report", report), ("the reference", reference)):
        if data["throttle"] != CLEAN:
            found.append(f"throttling of {who} is {data['throttle']}")
        if data.get("rules") and not data["rules"]["stable"]:
            found.append(f"{who} had not warmed up")
    return found


_CONDITIONS = {
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


def _text(first: str, reference: dict[str, Any], results: list[tuple[Comparison, dict[str, Any]]]) -> str:
    lines = [f"reference {first}: median {_milliseconds(reference)} ms, {reference['frames']} frames"]
    for one, report in results:
        lines.append("")
        lines.append(f"{one.name}: median {_milliseconds(report)} ms, {report['frames']} frames")
        lines.append(f"  latency     {_ratio(one.latency)}  {one.verdict}")
        lines += [f"  {stage:<11} {_ratio(interval)}" for stage, interval in one.stages.items()]
        lines.append(f"  blocks of {one.blocks[0]} and, of the reference, {one.blocks[1]} frames")
        lines += [f"  warning: {warning}" for warning in one.warnings]
    return "\n".join([*lines, "", f"method: {METHOD}"])


def _milliseconds(report: dict[str, Any]) -> str:
    return f"{report['stages_ms']['latency']['p50']:.2f}"


def _ratio(interval: Interval) -> str:
    return f"x {interval.ratio:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def _median(samples: list[int]) -> int:
    return sorted(samples)[len(samples) // 2] if samples else 0


def _percent(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 100:
        raise argparse.ArgumentTypeError(f"'{text}' is not a percentage, 0 to 100")
    return value


if __name__ == "__main__":
    sys.exit(main())
