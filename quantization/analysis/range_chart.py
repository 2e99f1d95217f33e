"""A chart of the int8 steps that each channel of a layer reaches, before and after equalization."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from .channel_ranges import FEW, LIMIT, LayerRanges, Part, summary
from .plotting import FAINT, GRID, INK, PALETTE, bare, new_figure

ENOUGH, COARSE = PALETTE[0], PALETTE[1]

_TICKS = (1, 4, FEW, 64, 256)
"""Steps on the bars' logarithmic axis."""

_STUB = 1.1
"""Height, in steps, of a channel that never reaches one: it should not look like one that was always 0."""

_SHOWN = 0.9999
"""Share of the values that a histogram's axis holds: single outliers would squeeze all others together."""

_WIDTH, _HEAD, _BARS, _VALUES = 7.6, 0.8, 1.5, 0.42
"""Inches: width of the chart, and heights of its head, of a layer's bars and of a part's histogram."""


def draw_ranges(title: str, subtitle: str, layers: Sequence[LayerRanges]) -> Figure:
    """Draw a row of bars for every layer, and below it histograms of the parts of those that have several.

    Channels keep their place from the left panel to the right one; within a part they are sorted by the left.
    """
    rows: list[tuple[LayerRanges, Part | None]] = []
    for layer in layers:
        rows.append((layer, None))
        rows += [(layer, part) for part in layer.parts if len(layer.parts) > 1]
    heights = [_BARS if part is None else _VALUES for _, part in rows]
    figure = new_figure(_WIDTH, _HEAD + sum(heights), margins=(0.08, 0.03))
    grid = figure.subplots(len(rows), 2, squeeze=False, height_ratios=heights)
    for (layer, part), pair in zip(rows, grid, strict=True):
        if part is None:
            _draw_layer(layer, *pair)
        else:
            _draw_part(part, _reach(layer.parts), *pair, last=part is layer.parts[-1])
    figure.suptitle(f"{title}\n", x=0.015, ha="left", color=INK, fontsize=11)
    figure.text(0.015, 1 - 0.33 / figure.get_figheight(), subtitle, color=FAINT, fontsize=9, va="center")
    legend = [Patch(color=COARSE, label=f"channel below {FEW} steps"), Patch(color=ENOUGH, label=f"{FEW} or more")]
    figure.legend(handles=legend, loc="upper right", frameon=False, fontsize=8, handlelength=0.9, handleheight=0.9)
    return figure


def _draw_layer(layer: LayerRanges, left: Axes, right: Axes) -> None:
    """Peaks of the channels on a logarithmic axis, before on the left and after on the right."""
    order = np.concatenate(
        [part.channels.start + np.argsort(-layer.before[part.channels], kind="stable") for part in layer.parts]
    )
    for axes, peaks, side in ((left, layer.before, "before"), (right, layer.after, "after")):
        found = summary(peaks)
        steps = np.where(peaks > 0, np.maximum(peaks, _STUB), 1)[order]
        for color, chosen in ((ENOUGH, steps >= FEW), (COARSE, steps < FEW)):
            axes.stairs(np.where(chosen, steps, 1), baseline=1, fill=True, color=color)
        bare(axes)
        axes.set_yscale("log", base=4)
        axes.set_ylim(1, 256)
        axes.set_xlim(0, len(peaks))
        axes.set_yticks(_TICKS, [f"{tick}" for tick in _TICKS] if axes is left else [], fontsize=7)
        axes.grid(axis="y", color=GRID)
        axes.axhline(FEW, color=INK, linewidth=0.7)
        axes.set_title(f"{layer.name}, {side}", loc="left", color=INK, fontsize=9)
        words = f"median {found.median:.0f}, {found.coarse} of {len(peaks)} below {FEW}"
        axes.set_title(words, loc="right", color=COARSE if found.coarse else FAINT, fontsize=8)
        _name_parts(layer, axes)


def _name_parts(layer: LayerRanges, axes: Axes) -> None:
    """Write the parts' names below the bars, and draw lines between the parts."""
    count = len(layer.before)
    middles = [(part.channels.start + part.channels.stop) / 2 for part in layer.parts]
    names = [part.name if 3 * _channels(part) > count else part.name.rsplit("/")[-1] for part in layer.parts]
    axes.set_xticks(middles, names if len(names) > 1 else [f"{count} channels"], fontsize=7)
    for part in layer.parts[1:]:
        axes.axvline(part.channels.start, color="white", linewidth=2)


def _channels(part: Part) -> int:
    return int(part.channels.stop - part.channels.start)


def _draw_part(part: Part, reach: int, left: Axes, right: Axes, *, last: bool) -> None:
    """Values in int8 steps; as high as the row whatever their number, since parts differ in that."""
    for axes, counts in ((left, part.before), (right, part.after)):
        shown = counts[LIMIT - reach : LIMIT + reach + 1]
        axes.stairs(shown / max(shown.max(), 1), np.arange(-reach - 0.5, reach + 1), fill=True, color=ENOUGH)
        bare(axes)
        axes.set_xlim(-reach - 0.5, reach + 0.5)
        axes.set_yticks([])
        axes.grid(axis="x", color=GRID)
        axes.axhline(0, color=FAINT, linewidth=0.7)
        axes.tick_params("x", labelsize=7, labelbottom=last)
        axes.set_title(part.name, loc="left", color=FAINT, fontsize=7, y=0.55)
        if last:
            axes.set_xlabel("values in int8 steps", fontsize=7, color=FAINT)


def _reach(parts: Sequence[Part]) -> int:
    """Steps around 0 that hold nearly all values of every part, before and after."""
    reach = 1
    for part in parts:
        for counts in (part.before, part.after):
            sizes = counts[LIMIT:] + counts[LIMIT::-1]
            held = np.cumsum(sizes) / max(sizes.sum(), 1)
            reach = max(reach, int(np.searchsorted(held, _SHOWN)))
    return min(reach, LIMIT)
