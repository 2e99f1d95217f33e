"""Chart of frame time and memory of one case, ours and the others."""

from __future__ import annotations

from matplotlib.figure import Figure

from fastscnn_edge.quantization.analysis.bar_chart import Bar, BarChart, draw_bars
from fastscnn_edge.units import MIB

from .results import Case
from .table import milliseconds


def draw(case: Case) -> Figure:
    """Bars of milliseconds a frame, and below them bars of peak memory; shorter is better."""
    rows = sorted((row for row in case.rows if row.times), key=milliseconds)
    groups = {row.name: "ours" if row.ours else f"others, {row.precision}" for row in rows}
    time = [Bar(row.name, milliseconds(row), f"{milliseconds(row):.1f}", groups[row.name]) for row in rows]
    memory = [Bar(row.name, row.peak / MIB, f"{row.peak / MIB:.0f}", groups[row.name]) for row in rows]
    return draw_bars(
        BarChart(f"Frame to class map, {case.title}", "milliseconds, median", time),
        BarChart("Peak resident memory", "MiB of the process", memory),
    )
