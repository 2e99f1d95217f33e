"""Draws how many int8 steps each channel of a layer reaches, before and after equalization, with Pillow alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .bar_chart import FAINT, GRID, INK, PALETTE, PAPER
from .channel_ranges import FEW, LIMIT, LayerRanges, Part, summary

ENOUGH, COARSE = PALETTE[0], PALETTE[1]
_TITLE, _TEXT, _SMALL = 19, 14, 12

# Layout in pixels: two columns of panels, one row a layer.
_MARGIN, _AXIS, _PANEL, _GAP = 20, 30, 436, 22
_BARS, _VALUES = 132, 34
_COLUMNS = (_MARGIN + _AXIS, _MARGIN + _AXIS + _PANEL + _GAP)
_WIDTH = _COLUMNS[1] + _PANEL + _MARGIN
_HEAD, _BARS_ROW, _VALUES_ROW = 108, _BARS + 58, _VALUES + 8

_TICKS = (1, 4, FEW, 64, 256)
"""Of the bars' logarithmic axis, in steps, from its foot to its top."""

_STUB = 2
"""Pixels of a channel that never gets as far as one step: it should not look like one that was always 0."""

_SHOWN = 0.9999
"""Share of the values that a histogram's axis holds: single outliers would squeeze all others together."""


def draw_ranges(title: str, subtitle: str, layers: Sequence[LayerRanges]) -> Image.Image:
    """RGB picture: a row of bars for every layer, then histograms of those that are made of parts.

    Channels keep their place from the left panel to the right one; within a part they are sorted by the left.
    """
    split = [layer for layer in layers if len(layer.parts) > 1]
    height = _HEAD + len(layers) * _BARS_ROW + sum(62 + len(layer.parts) * _VALUES_ROW for layer in split)
    canvas = _Canvas(Image.new("RGB", (_WIDTH, height), PAPER))
    canvas.head(title, subtitle)
    for row, layer in enumerate(layers):
        canvas.bars(layer, _HEAD + row * _BARS_ROW)
    top = _HEAD + len(layers) * _BARS_ROW
    for layer in split:
        top = canvas.histograms(layer, top)
    return canvas.image


class _Canvas:
    """A picture with fonts, and what is drawn on it. ``top`` is where a row begins, ``foot`` where its bars stand."""

    def __init__(self, image: Image.Image) -> None:
        self.image, self.draw = image, ImageDraw.Draw(image)
        self.title, self.text, self.small = (ImageFont.load_default(size) for size in (_TITLE, _TEXT, _SMALL))

    def head(self, title: str, subtitle: str) -> None:
        self.draw.text((_MARGIN, 14), title, INK, self.title)
        self.draw.text((_MARGIN, 42), subtitle, FAINT, self.text)
        for left, words in zip(_COLUMNS, ("before", "after equalization"), strict=True):
            self.draw.text((left, 74), words, INK, self.title)
        x = _WIDTH - _MARGIN
        for words, color in ((f"{FEW} steps or more", ENOUGH), (f"channel below {FEW} steps", COARSE)):
            x -= int(self.text.getlength(words))
            self.draw.text((x, 18), words, INK, self.text)
            self.draw.rounded_rectangle((x - 16, 22, x - 6, 32), 2, color)
            x -= 34

    def bars(self, layer: LayerRanges, top: int) -> None:
        """One layer: its channels' peaks on a logarithmic axis, on either side."""
        order = np.concatenate(
            [part.channels.start + np.argsort(-layer.before[part.channels], kind="stable") for part in layer.parts]
        )
        foot = top + 24 + _BARS
        self.draw.text((_COLUMNS[0], top + 4), layer.name, INK, self.text)
        for tick in _TICKS:
            self.draw.text((_COLUMNS[0] - 6, foot - _rise(tick)), f"{tick}", FAINT, self.small, anchor="rm")
        for left, peaks in zip(_COLUMNS, (layer.before, layer.after), strict=True):
            seen = summary(peaks)
            words = f"median {seen.median:.0f} steps, {seen.coarse} of {len(peaks)} below {FEW}"
            self.draw.text((left + _PANEL, top + 4), words, COARSE if seen.coarse else FAINT, self.text, anchor="ra")
            for x, steps in enumerate(_columns(peaks[order])):
                if steps > 0:
                    color = COARSE if steps < FEW else ENOUGH
                    self.draw.line((left + x, foot - max(_rise(steps), _STUB), left + x, foot), color)
            for tick in _TICKS:
                y = foot - _rise(tick)
                self.draw.line((left, y, left + _PANEL, y), INK if tick == FEW else GRID)
            self._name_parts(layer, left, foot)

    def _name_parts(self, layer: LayerRanges, left: int, foot: int) -> None:
        """What stands below the bars, with lines between the parts."""
        channels = len(layer.before)
        for part in layer.parts:
            start, stop = (left + at * _PANEL / channels for at in (part.channels.start, part.channels.stop))
            if part.channels.start:
                self.draw.line((start, foot - _BARS - 2, start, foot + 16), PAPER, 3)
                self.draw.line((start, foot - _BARS - 2, start, foot + 16), FAINT)
            count = f"{part.channels.stop - part.channels.start} channels"
            for words in (
                [f"{part.name}: {count}", part.name, part.name.rsplit("/")[-1]] if len(layer.parts) > 1 else [count]
            ):
                if self.small.getlength(words) < stop - start - 4:
                    self.draw.text(((start + stop) / 2, foot + 5), words, FAINT, self.small, anchor="ma")
                    break

    def histograms(self, layer: LayerRanges, top: int) -> int:
        """The values of the layer's parts, one below the other on one axis; returns where they end."""
        words = f"values of {layer.name} by where they come from, in int8 steps"
        self.draw.text((_COLUMNS[0], top + 4), words, INK, self.text)
        top += 28
        bottom = top + len(layer.parts) * _VALUES_ROW
        reach = _reach(layer.parts)
        step = next(step for step in (1, 2, 4, 8, 16, 32, 64, 128) if reach / step <= 4)
        for left in _COLUMNS:
            for tick in range(-(reach // step) * step, reach + 1, step):
                x = left + (tick + reach + 0.5) * _PANEL / (2 * reach + 1)
                self.draw.line((x, top, x, bottom), GRID)
                self.draw.text((x, bottom + 4), f"{tick}", FAINT, self.small, anchor="ma")
        for row, part in enumerate(layer.parts):
            foot = top + (row + 1) * _VALUES_ROW
            for left, counts in zip(_COLUMNS, (part.before, part.after), strict=True):
                self._histogram(counts[LIMIT - reach : LIMIT + reach + 1], left, foot)
                self.draw.text((left + 2, foot - _VALUES), part.name, FAINT, self.small)
        return bottom + 34

    def _histogram(self, counts: np.ndarray, left: int, foot: int) -> None:
        """As high as a row, whatever the counts: parts have different numbers of values."""
        edges = left + np.arange(len(counts) + 1) * (_PANEL / len(counts))
        for start, stop, rise in zip(edges[:-1], edges[1:], counts * (_VALUES / max(counts.max(), 1)), strict=True):
            if rise >= 0.25:
                self.draw.rectangle((round(start), foot - rise, max(round(stop) - 1, round(start)), foot), ENOUGH)
        self.draw.line((left, foot, left + _PANEL, foot), FAINT)


def _rise(steps: float) -> float:
    """Pixels above the foot of the bars."""
    return _BARS * math.log(max(steps, _TICKS[0])) / math.log(_TICKS[-1])


def _columns(peaks: np.ndarray) -> list[float]:
    """One value a pixel: of the channels that share one, the least."""
    edges = np.linspace(0, len(peaks), _PANEL + 1)
    ends = zip(np.floor(edges[:-1]).astype(int), np.ceil(edges[1:]).astype(int), strict=True)
    return [float(peaks[first:last].min()) for first, last in ends]


def _reach(parts: Sequence[Part]) -> int:
    """Steps around 0 that hold nearly all values of every part, before and after."""
    reach = 1
    for part in parts:
        for counts in (part.before, part.after):
            sizes = counts[LIMIT:] + counts[LIMIT::-1]
            held = np.cumsum(sizes) / max(sizes.sum(), 1)
            reach = max(reach, int(np.searchsorted(held, _SHOWN)))
    return min(reach, LIMIT)
