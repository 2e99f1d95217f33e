"""Horizontal bar charts, one below the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.transforms import blended_transform_factory

from .plotting import FAINT, GRID, INK, PALETTE, bare, new_figure

_ROW, _HEAD, _WIDTH = 0.21, 1.25, 7.4
"""Inches: height of a bar's row, of what stands above and below the bars, and width."""

_LEFT = 0.02
"""Left margin, as a share of the width."""


@dataclass(frozen=True)
class Bar:
    """``group`` chooses the color; ``text`` stands behind the bar. Negative values point left."""

    label: str
    value: float
    text: str
    group: str


@dataclass(frozen=True)
class BarChart:
    """Bars from top to bottom; ``subtitle`` has the unit."""

    title: str
    subtitle: str
    bars: Sequence[Bar]


def draw_bars(*charts: BarChart) -> Figure:
    """Draw ``charts``, each with a legend of its groups."""
    heights = [_HEAD + _ROW * len(chart.bars) for chart in charts]
    figure = new_figure(_WIDTH, sum(heights))
    columns = figure.subplots(len(charts), squeeze=False, height_ratios=heights)[:, 0]
    for axes, chart in zip(columns, charts, strict=True):
        _draw(figure, axes, chart)
    return figure


def _draw(figure: Figure, axes: Axes, chart: BarChart) -> None:
    groups = list(dict.fromkeys(bar.group for bar in chart.bars))
    colors = {group: PALETTE[i % len(PALETTE)] for i, group in enumerate(groups)}
    drawn = axes.barh(
        range(len(chart.bars)),
        [bar.value for bar in chart.bars],
        height=0.66,
        color=[colors[bar.group] for bar in chart.bars],
        tick_label=[bar.label for bar in chart.bars],
    )
    axes.bar_label(drawn, [bar.text for bar in chart.bars], padding=4, color=FAINT, fontsize=8)
    bare(axes)
    axes.tick_params(labelsize=8)
    axes.tick_params("y", labelcolor=INK)
    axes.set_ylim(len(chart.bars) - 0.4, -0.6)
    axes.margins(x=0.12)
    axes.grid(axis="x", color=GRID)
    axes.axvline(0, color=FAINT, linewidth=1)
    beside = blended_transform_factory(figure.transFigure, axes.transAxes)  # texts begin at the figure's left edge
    for text, points, color, size in ((chart.title, 43, INK, 12), (chart.subtitle, 28, FAINT, 9)):
        axes.annotate(text, (_LEFT, 1), (0, points), beside, "offset points", color=color, fontsize=size)
    patches = [Patch(color=colors[group], label=group) for group in groups]
    axes.legend(
        handles=patches,
        loc="lower left",
        bbox_to_anchor=(_LEFT - 0.008, 1),
        bbox_transform=beside,
        borderpad=0,
        borderaxespad=0.6,
        ncols=len(groups),
        frameon=False,
        fontsize=9,
        handlelength=0.9,
        handleheight=0.9,
        columnspacing=1.4,
    )
