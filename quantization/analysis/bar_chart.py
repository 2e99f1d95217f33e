"""A horizontal bar chart, drawn with Pillow alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

INK, FAINT, GRID, PAPER = (38, 42, 48), (110, 116, 124), (226, 229, 233), (255, 255, 255)
PALETTE = ((54, 110, 178), (216, 118, 58), (74, 150, 104), (142, 98, 168), (150, 120, 84), (120, 128, 136))

_SCALE = 2
"""Pixels per unit of the layout below."""
_ROW, _BAR, _MARGIN, _PLOT = 17, 11, 18, 430
_TEXT, _TITLE = 11, 15


@dataclass(frozen=True)
class Bar:
    """``group`` chooses the color; ``text`` stands behind the bar."""

    label: str
    value: float
    text: str
    group: str


def draw_bars(title: str, subtitle: str, bars: Sequence[Bar]) -> Image.Image:
    """RGB picture of ``bars`` from top to bottom, with a grid and a legend of the groups.

    Values are finite; negative ones go to the left of the zero line.
    """
    text, bold = (ImageFont.load_default(size * _SCALE) for size in (_TEXT, _TITLE))
    groups = list(dict.fromkeys(bar.group for bar in bars))
    colors = {group: PALETTE[i % len(PALETTE)] for i, group in enumerate(groups)}
    left = _MARGIN * _SCALE + max(int(text.getlength(bar.label)) for bar in bars) + 8 * _SCALE
    behind = max(int(text.getlength(bar.text)) for bar in bars) + 12 * _SCALE
    top = (_MARGIN + 64) * _SCALE
    plot = _PLOT * _SCALE
    low, high = min(0.0, *(bar.value for bar in bars)), max(0.0, *(bar.value for bar in bars))
    span = (high - low) or 1.0
    # Texts behind bars that point left stand to the right of zero, so only the right needs room.
    width, height = left + plot + behind + _MARGIN * _SCALE, top + (len(bars) * _ROW + 30) * _SCALE
    image = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(image)

    def position(value: float) -> int:
        return left + round((value - low) / span * plot)

    draw.text((_MARGIN * _SCALE, _MARGIN * _SCALE), title, INK, bold)
    draw.text((_MARGIN * _SCALE, (_MARGIN + 22) * _SCALE), subtitle, FAINT, text)
    x = _MARGIN * _SCALE
    for group in groups:
        y = (_MARGIN + 43) * _SCALE
        draw.rounded_rectangle((x, y, x + 10 * _SCALE, y + 10 * _SCALE), 2 * _SCALE, colors[group])
        draw.text((x + 14 * _SCALE, y - _SCALE), group, INK, text)
        x += 30 * _SCALE + int(text.getlength(group))
    bottom = top + len(bars) * _ROW * _SCALE
    for tick in ticks(low, high):
        draw.line((position(tick), top, position(tick), bottom), GRID, _SCALE)
        draw.text((position(tick), bottom + 5 * _SCALE), f"{tick:g}", FAINT, text, anchor="ma")
    for row, bar in enumerate(bars):
        middle = top + round((row + 0.5) * _ROW * _SCALE)
        draw.text((left - 6 * _SCALE, middle), bar.label, INK, text, anchor="rm")
        start, stop = sorted((position(0), position(bar.value)))
        half = _BAR * _SCALE // 2
        draw.rounded_rectangle((start, middle - half, max(stop, start + 1), middle + half), _SCALE, colors[bar.group])
        draw.text((stop + 5 * _SCALE, middle), bar.text, FAINT, text, anchor="lm")
    draw.line((position(0), top, position(0), bottom), FAINT, _SCALE)
    return image


def ticks(low: float, high: float) -> list[float]:
    """Four to eight round numbers in [low, high].

    >>> ticks(0, 43)
    [0.0, 10.0, 20.0, 30.0, 40.0]
    """
    span = (high - low) or 1.0
    power = 10.0 ** len(str(int(span))) if span >= 1 else 1.0
    step = power
    for divisor in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000):
        step = power / divisor
        if span / step >= 4:
            break
    first = -int(-low // step) if low > 0 else int(low / step)
    return [round(k * step, 10) for k in range(first, int(high / step) + 1)]
