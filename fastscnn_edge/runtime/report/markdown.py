"""A report as Markdown, without the samples: a function of the report's JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from ...text import count_of, markdown_text
from ..pipeline.meter import QUEUES, STAGES
from .facts import conditions, mib

T = TypeVar("T")

_STATE_ROWS = 12
"""Rows in the table of states; the JSON has all of them."""


def markdown_report(data: dict[str, Any]) -> str:
    """Build the text for ``data``, the result of :meth:`.report.Report.to_dict` or its parsed JSON."""
    data = markdown_text(data)
    sections = (_headline(data), _times(data), _memory(data), _operators(data), _conditions(data))
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _headline(data: dict[str, Any]) -> list[str]:
    board, accuracy = data["board"], data["accuracy"]
    ending = f" (stopped early by {data['stopped_by']})" if data["stopped_by"] else ""
    lines = [
        f"# {data['model']['file']} on {board['model'] or board['cpu'] or board['machine']}",
        "",
        f"{count_of(data['frames'], 'frame')}{ending}, {_number(data['frames_per_second'], 2)} frames per second, "
        "everything included.",
    ]
    if accuracy:
        lines += [
            "",
            f"mIoU of this file: {100 * accuracy['miou']:.2f} % on {accuracy['data']} "
            f"{accuracy['split']} ({count_of(accuracy['pictures'], 'picture')}).",
        ]
    return lines


def _times(data: dict[str, Any]) -> list[str]:
    rows = ["## Times in milliseconds", "", *_row("stage", "p50", "p90", "p95", "p99", "max", rule=True)]
    for name, summary in data["stages_ms"].items():
        rows += _row(name, *(_number(value, 2) for value in (summary.values() if summary else (None,) * 5)))
    first = data["first_inference_ns"]
    meaning = (
        "from a frame in memory to its class map"
        if data["rules"]
        else "from capture (camera) or decoding (file) of a frame to its class map"
    )
    overlap = (
        (
            " (frames overlap, so it is more than the time from frame to frame); *queue* and *output_queue* are "
            "waits before segmenting and before rendering"
        )
        if QUEUES[0] in data["stages_ms"]
        else ""
    )
    return [
        *rows,
        "",
        *_rules(data["rules"]),
        f"Model load {_number(data['load_ns'] / 1e6, 1)} ms, first inference "
        f"{_number(None if first is None else first / 1e6, 2)} ms "
        f"({len(data['warm_up_ns'])} warm-up inferences, not in the table). Percentiles by "
        f"{data['percentile_method']}. *total* is the sum of "
        f"{', '.join(name for name in data['stages_ms'] if name in STAGES)}{overlap}; *latency* runs {meaning}.",
        *_losses(data),
    ]


def _rules(rules: dict[str, Any] | None) -> list[str]:
    if rules is None:
        return []
    settled = "times had settled" if rules["stable"] else "**times had not settled**"
    return [
        f"Rules: {rules['scenario']}, at least {count_of(rules['min_frames'], 'frame')} and {rules['min_seconds']:g} "
        f"s; warm-up {rules['warm_up']} ({settled}).",
        "",
    ]


def _losses(data: dict[str, Any]) -> list[str]:
    lost, lines = data["dropped"], []
    if any(lost.values()):
        lines += [
            "",
            f"Dropped: {lost['by_camera']} by the camera or its driver, {lost['for_newer']} for newer ones before they "
            f"were segmented, {lost['not_drawn']} segmented but not drawn in time.",
        ]
    source = data["source"]
    earlier = source.get("outages", 0) - len(source["gaps"])
    if earlier > 0:
        lines += [
            "",
            f"No camera {count_of(source['outages'], 'time')}, for {source['away']:.1f} s in all; these are "
            "the latest.",
        ]
    for gap in source["gaps"]:
        lines += ["", f"No camera for {gap['seconds']:.1f} s from second {gap['at']:.1f} on: {gap['reason']}"]
    return lines


def _memory(data: dict[str, Any]) -> list[str]:
    before, after, watcher = data["memory_before_load"], data["memory_after"], data["watcher"]
    rows = ["## Memory in MiB", "", *_row("", "before loading", "after the run", rule=True)]
    for name, key in (
        ("resident", "rss"),
        ("peak resident", "peak_rss"),
        ("proportional (PSS)", "pss"),
        ("available on the system", "available"),
    ):
        rows += _row(name, mib(before[key]), mib(after[key]))
    if watcher:
        peak = data["memory_peak"]
        rows += [
            "",
            f"Peak proportional {mib(peak['pss'])}, lowest available on the system "
            f"{mib(peak['lowest_available'])}: sampled every {watcher['interval_s']:g} s by another process, which "
            f"used {watcher['cpu_s']:.2f} s of processor time itself.",
        ]
    return rows


def _operators(data: dict[str, Any]) -> list[str]:
    profile = data["profile"]
    if profile is None:
        return []
    rows = ["## Operators", "", f"Profile: {profile['note']}."]
    if profile["types"]:
        rows += ["", *_row("operator", "nodes", "ms", "share", rule=True)]
    for operator in profile["types"]:
        rows += _row(
            operator["name"],
            str(operator["nodes"]),
            f"{operator['milliseconds']:.3f}",
            f"{100 * operator['share']:.1f} %",
        )
    return rows


def _conditions(data: dict[str, Any]) -> list[str]:
    rows = ["## Conditions", "", *_row("", "", rule=True)]
    for name, value in conditions(data).items():
        rows += _row(name, f"`{value}`" if name in ("command", "model sha256") else value)
    rows += ["", *_row("at second", "MHz", "hottest, degrees C", "throttle bits", rule=True)]
    for state in _thinned(data["states"], _STATE_ROWS):
        hottest = max(state["temperatures"].values(), default=None)
        rows += _row(
            f"{state['seconds']:.1f}",
            ", ".join(str(khz // 1000) for khz in state["frequencies"]) or "unknown",
            _number(None if hottest is None else hottest / 1000, 1),
            "unknown" if state["throttle_bits"] is None else hex(state["throttle_bits"]),
        )
    return rows


def _thinned(items: Sequence[T], limit: int) -> list[T]:
    """Pick at most ``limit`` of ``items``, evenly spread, including the first and the last."""
    if len(items) <= limit:
        return list(items)
    return [items[round(index * (len(items) - 1) / (limit - 1))] for index in range(limit)]


def _row(*cells: str, rule: bool = False) -> list[str]:
    line = "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    return [line, "|" + " --- |" * len(cells)] if rule else [line]


def _number(value: float | None, digits: int) -> str:
    return "unknown" if value is None else f"{value:.{digits}f}"
