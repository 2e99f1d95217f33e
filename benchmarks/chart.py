"""A comparison as a picture: frame time and memory of one case, ours and the others."""

from __future__ import annotations

from PIL import Image

from fastscnn_edge.quantization.analysis.bar_chart import Bar, draw_bars

from .results import Case
from .table import milliseconds


def draw(case: Case) -> Image.Image:
    """RGB picture: bars of milliseconds a frame, and below them bars of peak memory; shorter is better."""
    rows = sorted((row for row in case.rows if row.times), key=milliseconds)
    groups = {row.name: "ours" if row.ours else f"others, {row.precision}" for row in rows}
    time = [Bar(row.name, milliseconds(row), f"{milliseconds(row):.1f}", groups[row.name]) for row in rows]
    memory = [Bar(row.name, row.peak / 2**20, f"{row.peak / 2**20:.0f}", groups[row.name]) for row in rows]
    top = draw_bars(f"Frame to class map, {case.title}", "milliseconds, median", time)
    bottom = draw_bars("Peak resident memory", "MiB of the process", memory)
    both = Image.new("RGB", (max(top.width, bottom.width), top.height + bottom.height), (255, 255, 255))
    both.paste(top, (0, 0))
    both.paste(bottom, (0, top.height))
    return both
