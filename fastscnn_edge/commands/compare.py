"""``fastscnn-edge compare``: compare reports, with significant differences and conditions that differ."""

from __future__ import annotations

import argparse
import json
import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..bench.bootstrap import Interval
from ..bench.comparison import METHOD, MIN_SAMPLES, ReportComparison, compare_reports
from ..cli.arguments import file_path, number
from ..cli.command import guarded, parser
from ..cli.outputs import check_result_path
from ..errors import UsageError, require
from ..files import write_text
from ..runtime.report.reader import damage_as_error, read_report
from ..text import count_of

EXIT_SLOWER = 1


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    result = parser(
        "compare",
        "Compare reports of 'bench' or 'run' with the first of them.\n\n"
        f"{textwrap.fill(f'Method: {METHOD}', 100)}\n\n"
        "Exit status: 0 none is slower than the first beyond noise and --tolerance; 1 at least one is; 2 bad input\n"
        "or, with --strict, conditions that differ.",
        """
        fastscnn-edge compare before.json after.json
        fastscnn-edge compare pi4.json pi5.json jetson.json
        fastscnn-edge compare before.json after.json --tolerance 2 --strict --json verdict.json
        """,
    )
    result.add_argument(
        "reports", nargs="+", type=file_path, metavar="FILE.json", help="reports; the first is the reference"
    )
    result.add_argument(
        "--tolerance",
        type=number(0, 99.99, "percentage"),
        default=0.0,
        metavar="PERCENT",
        help="report a difference only if the whole interval is further from 1 than this (default: 0)",
    )
    result.add_argument("--strict", action="store_true", help="refuse to compare if conditions differ")
    result.add_argument("--json", type=file_path, metavar="FILE", help="also write the figures to this file")
    options = result.parse_args(argv)
    return guarded(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    require(len(options.reports) >= 2, "compare needs at least two reports")
    if options.json:
        check_result_path("--json", options.json, ".json", options.reports)
    reports = [_read(path) for path in options.reports]
    results = []
    for path, report in zip(options.reports[1:], reports[1:], strict=True):
        with damage_as_error(path, options.reports[0]):
            results.append(compare_reports(str(path), report, reports[0], options.tolerance / 100))
    differing = [f"{result.name}: {warning}" for result in results for warning in result.warnings]
    if options.strict and differing:
        raise UsageError(f"conditions differ: {'; '.join(differing)}")
    if options.json:
        plain = [
            {**asdict(r), "latency": r.latency._asdict(), "stages": {name: i._asdict() for name, i in r.stages.items()}}
            for r in results
        ]
        write_text(
            options.json,
            json.dumps({"reference": str(options.reports[0]), "method": METHOD, "comparisons": plain}, indent=1) + "\n",
        )
    with damage_as_error(*options.reports):
        print(_text(str(options.reports[0]), reports[0], list(zip(results, reports[1:], strict=True))))
    return EXIT_SLOWER if any(result.verdict == "slower" for result in results) else 0


def _read(path: Path) -> dict[str, Any]:
    with damage_as_error(path):
        report = read_report(path)
        found = len(report["samples_ns"]["latency"])
    require(found >= MIN_SAMPLES, f"{path} has {found} samples; a comparison needs at least {MIN_SAMPLES}")
    return report


def _text(first: str, reference: dict[str, Any], results: list[tuple[ReportComparison, dict[str, Any]]]) -> str:
    lines = [f"reference {first}: median {_milliseconds(reference)} ms, {count_of(reference['frames'], 'frame')}"]
    for one, report in results:
        lines.append("")
        lines.append(f"{one.name}: median {_milliseconds(report)} ms, {count_of(report['frames'], 'frame')}")
        lines.append(f"  latency     {_ratio(one.latency)}  {one.verdict}")
        lines += [f"  {stage:<11} {_ratio(interval)}" for stage, interval in one.stages.items()]
        lines.append(f"  blocks of {one.blocks[0]} and, of the reference, {one.blocks[1]} frames")
        lines += [f"  warning: {warning}" for warning in one.warnings]
    return "\n".join([*lines, "", f"method: {METHOD}"])


def _milliseconds(report: dict[str, Any]) -> str:
    return f"{report['stages_ms']['latency']['p50']:.2f}"


def _ratio(interval: Interval) -> str:
    return f"x {interval.ratio:.3f} ({interval.low:.3f} to {interval.high:.3f})"
