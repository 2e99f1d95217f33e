"""A chart of the sensitivity of every operation."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from .bar_chart import Bar, BarChart, draw_bars
from .sensitivity import Sensitivity


def draw_sensitivity(rows: Sequence[Sensitivity], conditions: str) -> Figure:
    """Draw bars of mIoU lost if it was measured, else of the noise each operation adds."""
    if any(row.miou_lost is not None for row in rows):
        bars = [Bar(row.name, row.miou_lost or 0.0, f"{row.miou_lost:+.2f}", row.kind) for row in rows]
        return draw_bars(BarChart("mIoU lost, in points, when one operation alone is int8", conditions, bars))
    # Power of the noise in per mille of the logits' power: unlike decibels, longer is worse and lengths add up.
    bars = [Bar(row.name, 1000 * 10 ** (-row.sqnr / 10), f"{row.sqnr:.1f} dB", row.kind) for row in rows]
    subtitle = f"{conditions}; per mille of their power"
    return draw_bars(BarChart("Noise in the logits when one operation alone is int8", subtitle, bars))
