"""A report as one self-contained HTML page: no script, no external style sheet or font, no network access.

The page is a function of the report's JSON, so any report can be drawn again: ``fastscnn-edge report drive.json``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from itertools import accumulate
from typing import Any

from ...text import count_of
from ...units import MIB
from .charts import COLORS, Mark, Series, histogram, line_chart, stacked_bar
from .facts import conditions, mib

_LINES = 5
"""Largest number of lines in one chart: more cannot be followed."""

_STYLE = """
:root { color-scheme: light dark; --ground: #fff; --card: #f6f7f9; --ink: #1b1f24; --soft: #5b6470; --line: #d9dde3;
 --c0: #2563b0; --c1: #d9792b; --c2: #2f8f6b; --c3: #8a5bb5; --c4: #b8435c; --c5: #0b8ba0;
 --c6: #7d7a1f; --good: #1f7a4d; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ground: #14171b; --card: #1d2127; --ink: #e6e9ed; --soft: #a0a8b3;
 --line: #343a43; --c0: #6ba4ea; --c1: #eda05f; --c2: #5fc29a; --c3: #b995e0; --c4: #e8839a; --c5: #58c5d8;
 --c6: #c6c05a; --good: #6fcf9f; --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1200px; padding: 20px 16px 48px; background: var(--ground); color: var(--ink);
 font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 0 0 8px; }
p { margin: 4px 0 12px; color: var(--soft); }
section { background: var(--card); border-radius: 10px; padding: 14px 16px; min-width: 0; }
section p { font-size: .875rem; margin: 8px 0 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 10px; margin: 16px 0; }
.tile { background: var(--card); border-radius: 10px; padding: 10px 14px; }
.tile b { display: block; font-size: 1.45rem; line-height: 1.3; font-weight: 650; }
.tile span { color: var(--soft); font-size: .875rem; }
.good b { color: var(--good); } .bad b { color: var(--bad); }
.grid { display: grid; grid-template-columns: 1fr; gap: 12px; }
.grid > * + * { margin: 0; }
@media (min-width: 860px) { .grid { grid-template-columns: 1fr 1fr; } .wide { grid-column: 1 / -1; } }
svg { width: 100%; height: auto; display: block; font: 13px system-ui, sans-serif; }
.label { fill: var(--soft); } .axis { stroke: var(--soft); } .grid line.grid, line.grid { stroke: var(--line); }
.mark { stroke: var(--ink); stroke-dasharray: 3 3; }
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.range { stroke-width: 1.6; opacity: .38; fill: none; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 5px 0 5px 10px; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--soft); font-weight: 500; } th:first-child, td:first-child { text-align: left; padding-left: 0; }
.pair { display: grid; gap: 0 32px; } @media (min-width: 860px) { .pair { grid-template-columns: 1fr 1.4fr; } }
th:first-child, td:first-child { white-space: normal; overflow-wrap: anywhere; }
@media (max-width: 600px) { h1 { font-size: 1.2rem; } svg { font-size: 17px; } table { font-size: .8rem; }
 th, td { padding-left: 5px; } }
.facts td { text-align: left; white-space: normal; overflow-wrap: anywhere; }
.facts td:first-child { color: var(--soft); width: 9.5rem; white-space: normal; vertical-align: top; }
@media (max-width: 600px) { .facts td:first-child { width: 6.5rem; } }
"""


_STYLE += "".join(
    f".c{n} {{ fill: var(--c{n}); stroke: none; }}\n.line.c{n}, .range.c{n} {{ fill: none; stroke: var(--c{n}); }}\n"
    for n in range(COLORS)
)


def html_page(data: dict[str, Any]) -> str:
    """Build the page for ``data``, the result of :meth:`.report.Report.to_dict` or its parsed JSON."""
    board = data["board"]
    title = f"{data['model']['file']} on {board['model'] or board['cpu'] or board['machine']}"
    cards = [
        card
        for card in (
            _latency(data),
            _histogram(data),
            _stages(data),
            _memory(data),
            _temperature(data),
            _frequency(data),
            _operators(data),
            _conditions(data),
        )
        if card
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n{_lead(data)}\n{_tiles(data)}\n"
        f'<div class="grid">\n{"".join(cards)}</div>\n</body>\n</html>\n'
    )


def _lead(data: dict[str, Any]) -> str:
    rules = data.get("rules")
    what = f"{count_of(data['frames'], 'frame')} of {data['source']['kind']} {data['source']['name']}"
    if data["stopped_by"]:
        what += f", stopped early by {data['stopped_by']}"
    if rules:
        settled = "" if rules["stable"] else "; times had NOT settled before the measurement"
        what += (
            f". {rules['scenario'].capitalize()}, at least {count_of(rules['min_frames'], 'frame')} "
            f"and {rules['min_seconds']:g} s; warm-up {rules['warm_up']}{settled}"
        )
    return f"<p>{escape(what)}. Nothing is clipped.</p>"


def _tiles(data: dict[str, Any]) -> str:
    latency, rate = data["stages_ms"]["latency"], data["frames_per_second"]
    peak, accuracy = data.get("memory_peak") or {}, data.get("accuracy")
    rss = peak.get("rss") or data["memory_after"]["peak_rss"]
    tiles = [
        (f"{latency['p50']:.2f} ms" if latency else "none", "median latency, frame to class map", ""),
        (f"{latency['p99']:.2f} ms" if latency else "none", "p99", ""),
        (f"{rate:.1f}" if rate else "none", "frames per second", ""),
        (f"{rss / MIB:.0f} MiB" if rss else "unknown", "peak memory", ""),
    ]
    if accuracy:
        tiles.append(
            (f"{100 * accuracy['miou']:.2f} %", f"mIoU of this file, {accuracy['data']} {accuracy['split']}", "")
        )
    tiles.append((data["throttle"], "throttling", {"clean": "good", "throttled": "bad"}.get(data["throttle"], "")))
    return (
        '<div class="tiles">'
        + "".join(
            f'<div class="tile {css}"><b>{escape(value)}</b><span>{escape(name)}</span></div>'
            for value, name, css in tiles
        )
        + "</div>"
    )


def _latency(data: dict[str, Any]) -> str:
    samples, totals = data["samples_ns"]["latency"], data["samples_ns"]["total"]
    if not samples:
        return ""
    # A frame's point in time is not stored. In a run, frames overlap, so the cumulative work is scaled to the duration.
    work, rate = sum(totals) or 1, data["frames_per_second"]
    took = data["frames"] / rate if rate else work / 1e9
    began = data.get("frames_began_s") or 0.0
    points = [
        (began + took * done / work, latency / 1e6) for latency, done in zip(samples, accumulate(totals), strict=True)
    ]
    note = (
        "from a frame in memory to its class map"
        if data.get("rules")
        else "from capture or decoding of a frame to its class map"
    )
    return _card(
        "Latency over time",
        line_chart([Series("latency", points)], "time, s", "latency, ms"),
        f"{note}; the pale band, if any, spans the fastest to the slowest frame of each column.",
    )


def _histogram(data: dict[str, Any]) -> str:
    samples, summary = data["samples_ns"]["latency"], data["stages_ms"]["latency"]
    if not samples or min(samples) <= 0:
        return ""
    marks = [Mark(name, summary[name]) for name in ("p50", "p90", "p99", "max")]
    return _card(
        "Distribution of the latency",
        histogram([s / 1e6 for s in samples], marks, "latency, ms"),
        f"{count_of(len(samples), 'frame')}; percentiles by {data['percentile_method']}.",
    )


def _stages(data: dict[str, Any]) -> str:
    stages = {name: s for name, s in data["stages_ms"].items() if s}
    if not stages:
        return ""
    means = [
        (name, sum(data["samples_ns"][name]) / len(data["samples_ns"][name]) / 1e6)
        for name in stages
        if name not in ("total", "latency")
    ]
    rows = [
        [name, *(f"{summary[p]:.2f}" for p in ("p50", "p90", "p95", "p99", "max"))] for name, summary in stages.items()
    ]
    first = data["first_inference_ns"]
    note = (
        f"Model load {data['load_ns'] / 1e6:.1f} ms; first inference "
        f"{'unknown' if first is None else f'{first / 1e6:.2f} ms'}; "
        f"{len(data['warm_up_ns'])} warm-up inferences, not in the table."
    )
    table = _table(("ms", "p50", "p90", "p95", "p99", "max"), rows)
    return _card("Stages", stacked_bar(means, "ms") + table, "The bar shows means. " + note)


def _memory(data: dict[str, Any]) -> str:
    before, after, watcher = data["memory_before_load"], data["memory_after"], data.get("watcher")
    peak = data.get("memory_peak") or {}
    chart = note = ""
    if watcher and watcher["seconds"]:
        named = (("resident (RSS)", "rss"), ("proportional (PSS)", "pss"))
        series = [
            Series(name, [(t, v / MIB) for t, v in zip(watcher["seconds"], watcher[key], strict=True) if v is not None])
            for name, key in named
        ]
        series = [s for s in series if s.points]
        chart = line_chart(series, "time, s", "memory, MiB") if series else ""
        note = (
            f"Sampled every {watcher['interval_s']:g} s by another process, which used {watcher['cpu_s']:.2f} s of "
            "processor time itself. Peak resident is the kernel's own high-water mark."
        )
    rows = [
        ["resident", mib(before["rss"]), mib(after["rss"])],
        ["peak resident", mib(before["peak_rss"]), mib(after["peak_rss"])],
        ["proportional", mib(before["pss"]), mib(after["pss"])],
        ["available on the system", mib(before["available"]), mib(after["available"])],
    ]
    if peak.get("lowest_available") is not None:
        rows.append(["lowest available during the run", "", mib(peak["lowest_available"])])
    return _card("Memory", chart + _table(("MiB", "before loading", "after"), rows), note)


def _temperature(data: dict[str, Any]) -> str:
    zones = {zone for state in data["states"] for zone in state["temperatures"]}
    looks = {
        zone: [(s["seconds"], s["temperatures"][zone] / 1000) for s in data["states"] if zone in s["temperatures"]]
        for zone in sorted(zones)
    }
    hottest = sorted(looks, key=lambda zone: -max(celsius for _, celsius in looks[zone]))[:_LINES]
    if not hottest:
        return ""
    note = "" if len(looks) <= _LINES else f"The hottest {_LINES} of {len(looks)} sensors."
    kinds = Counter(_sensor(zone) for zone in looks)
    series = [Series(_sensor(zone) if kinds[_sensor(zone)] == 1 else zone, looks[zone]) for zone in hottest]
    return _card("Temperature", line_chart(series, "time, s", "temperature, °C", from_zero=False), note)


def _sensor(zone: str) -> str:
    """Name of a sensor: ``cpu-thermal`` from ``thermal_zone0 cpu-thermal``."""
    return zone.partition(" ")[2] or zone


def _frequency(data: dict[str, Any]) -> str:
    count = max((len(state["frequencies"]) for state in data["states"]), default=0)
    series = [
        Series(
            f"domain {n}",
            [(s["seconds"], s["frequencies"][n] / 1000) for s in data["states"] if n < len(s["frequencies"])],
        )
        for n in range(min(count, _LINES))
    ]
    if not series:
        return ""
    note = "" if data["throttle"] == "throttled" else "A low clock while idle is not throttling."
    return _card("Clock", line_chart(series, "time, s", "clock, MHz"), note)


def _operators(data: dict[str, Any]) -> str:
    profile = data.get("profile")
    if not profile:
        return ""
    rows = [
        [o["name"], str(o["nodes"]), f"{o['milliseconds']:.3f}", f"{100 * o['share']:.1f} %"] for o in profile["types"]
    ]
    table = _table(("operator", "nodes", "ms", "share"), rows) if rows else ""
    nodes = [[o["name"], o["type"], f"{o['milliseconds']:.3f}"] for o in profile["nodes"][:15]]
    slowest = _table(("slowest nodes", "operator", "ms"), nodes) if nodes else ""
    return _card("Operators", f'<div class="pair">{table}{slowest}</div>', profile["note"], wide=True)


def _conditions(data: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in conditions(data).items()
    )
    return f'<section class="wide"><h2>Conditions</h2><table class="facts">{rows}</table></section>\n'


def _card(title: str, body: str, note: str, wide: bool = False) -> str:
    below = f"<p>{escape(note[:1].upper() + note[1:])}</p>" if note else ""
    css = ' class="wide"' if wide else ""
    return f"<section{css}><h2>{escape(title)}</h2>{body}{below}</section>\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><tr>{cells}</tr>{body}</table></div>'
