"""A comparison as Markdown, and the goals it meets."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from itertools import chain

from fastscnn_edge.units import MIB

from .contestants import OURS, REFERENCE
from .results import BenchmarkComparison, Case, Measurement
from .rounds import Ratio, ratio


def benchmark_markdown(comparison: BenchmarkComparison) -> str:
    """The machine, the contestants, a table for each case, and the goals."""
    lines = [f"{key}: {value}  " for key, value in comparison.about.items()]
    if comparison.cases:
        lines += ["", "| | what | versions |", "| --- | --- | --- |"]
        lines += [f"| {row.name} | {row.what} | {row.versions} |" for row in comparison.cases[0].rows]
    for case in comparison.cases:
        lines += ["", f"### {case.title}", "", *_table(case)]
    lines += ["", "### Goals", "", "| case | goal | measured | |", "| --- | --- | --- | --- |"]
    for case in comparison.cases:
        lines += [
            f"| {case.title} | {what} | {found} | {'met' if met else 'missed'} |" for what, found, met in goals(case)
        ]
    return "\n".join(lines) + "\n"


def by_pixels(comparison: BenchmarkComparison) -> str:
    """One row for each case: milliseconds a frame and peak MiB of each contestant."""
    names = [row.name for row in comparison.cases[0].rows] if comparison.cases else []
    lines = [
        " | ".join(["| size", "megapixels", "threads", *(f"{name}: ms, MiB" for name in names)]) + " |",
        "| --- " * (3 + len(names)) + "|",
    ]
    for case in comparison.cases:
        rows = [case.row(name) for name in names]
        cells = [f"{milliseconds(row):.1f}, {row.peak / MIB:.0f}" if row else "" for row in rows]
        height, width = case.size
        first = [f"| {height}x{width}", f"{height * width / 1e6:.2f}", str(case.threads)]
        lines.append(" | ".join([*first, *cells]) + " |")
    return "\n".join(lines) + "\n"


def _table(case: Case) -> Iterator[str]:
    yield f"| | precision | ms a frame | time / {OURS} | peak MiB | memory / {OURS} | same class | mIoU |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    ours = case.row(OURS)
    ran = [row for row in case.rows if row.times]
    for row in sorted(ran, key=milliseconds):
        against = f"{_interval(ratio(row.times, ours.times))} | " if ours else "| "
        memory = f"{row.peak / ours.peak:.1f}" if ours else ""
        miou = "" if row.miou is None else f"{100 * row.miou:.2f}"
        name = f"**{row.name}**" if row.ours else row.name
        yield (
            f"| {name} | {row.precision} | {milliseconds(row):.1f} | {against}{row.peak / MIB:.0f} | {memory} "
            f"| {100 * row.agreement:.2f} % | {miou} |"
        )
    for row in case.rows:
        if row.problem:
            problem = row.problem.replace("|", "\\|")
            yield f"| {row.name} | {row.precision} | did not run: {problem} | | | | | |"


def milliseconds(row: Measurement) -> float:
    """Median frame time in milliseconds."""
    return statistics.median(chain.from_iterable(row.times)) / 1e6


def _interval(value: Ratio) -> str:
    return f"{value.value:.2f} ({value.low:.2f} to {value.high:.2f})"


def goals(case: Case) -> Iterator[tuple[str, str, bool]]:
    """(goal, measured, met) for every goal that this case can answer."""
    ours, reference = case.row(OURS), case.row(REFERENCE)
    if ours is None:
        return
    wanted = {(1024, 2048): 4.5, (512, 1024): 3.0}.get(case.size)
    if reference and wanted:
        speed = ratio(reference.times, ours.times)
        yield f"{wanted:g} times as fast as {REFERENCE}", _interval(speed), speed.value >= wanted
    if reference and case.size == (1024, 2048):
        share = reference.peak / ours.peak
        yield f"a seventh of the memory of {REFERENCE}", f"1/{share:.1f}", share >= 7
    for other, least in (("OpenVINO INT8", 1.0), ("TFLite INT8 in graph", 1.5)):
        row = case.row(other)
        if row:
            speed = ratio(row.times, ours.times)
            words = f"faster than {other}" if least == 1 else f"{least:g} times as fast as {other}"
            yield words, _interval(speed), speed.value >= least
    peers = [row for row in case.rows if row.times and not row.ours]
    if peers:
        fastest = min(peers, key=milliseconds)
        speed = ratio(fastest.times, ours.times)
        # Slower only if the whole interval is below 1.
        yield f"not slower than any peer (fastest: {fastest.name})", _interval(speed), speed.high >= 1
