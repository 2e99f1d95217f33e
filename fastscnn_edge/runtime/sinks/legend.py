"""Legends: a strip of swatches and class names below a drawing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from ...spec import ClassSet
from .font import SIZES, load_font
from .shares import class_shares
from .style import PLAIN, Style

GROUND = (250, 250, 250)
_INK, _RIM = (33, 33, 33), (150, 150, 150)


def legend_of(class_map: np.ndarray, class_set: ClassSet, only_present: bool, style: Style = PLAIN) -> Image.Image:
    """Draw the legend for a class map, of the painted classes; ``only_present`` as in :func:`.overlay.overlay`."""
    width = class_map.shape[1]
    if not only_present:
        return whole_legend(class_set, style, width)
    shares = class_shares(class_map, len(class_set))
    shown = [int(i) for i in np.argsort(-shares, kind="stable") if shares[i] > 0 and style.paints(int(i))]
    texts = [f"{class_set.labels[i]}  {_percent(float(shares[i]))}" for i in shown]
    return legend(texts, [class_set.palette[i] for i in shown], width, style.font)


def whole_legend(class_set: ClassSet, style: Style, width: int) -> Image.Image:
    """Draw the legend of all painted classes, ``width`` as in :func:`legend`."""
    shown = [i for i in range(len(class_set)) if style.paints(i)]
    return legend([class_set.labels[i] for i in shown], [class_set.palette[i] for i in shown], width, style.font)


def legend(
    texts: list[str], colors: list[tuple[int, int, int]], width: int, font_file: str | None = None
) -> Image.Image:
    """Draw swatches and texts in aligned columns, ``width`` pixels wide or as wide as the longest text needs."""
    from PIL import ImageDraw  # a run that draws nothing does without

    unit = min(max(width // 56, SIZES[0]), SIZES[-1])  # font size in pixels; all distances follow from it
    font = load_font(unit, font_file)
    entry = unit + unit // 2 + max((_length(font, text) for text in texts), default=0)
    layout = _Layout.fit(len(texts), entry, unit, width)
    strip = Image.new("RGB", (layout.width, layout.height), GROUND)
    draw = ImageDraw.Draw(strip)
    for index, (text, color) in enumerate(zip(texts, colors, strict=True)):
        x, middle = layout.position(index)
        top = middle - unit // 2
        draw.rectangle((x, top, x + unit - 1, top + unit - 1), fill=color, outline=_RIM)
        draw.text((x + unit + unit // 2, middle), text, fill=_INK, font=font, anchor="lm")
    return strip


@dataclass(frozen=True)
class _Layout:
    """Layout of equal entries in a table, filled row by row. In pixels."""

    columns: int
    rows: int
    pitch: int  # from one column to the next
    line: int  # from one row to the next
    margin: int
    width: int

    @staticmethod
    def fit(count: int, entry: int, unit: int, width: int) -> _Layout:
        margin, gap = unit, unit + unit // 2
        columns = max(1, min(count, (width - 2 * margin + gap) // (entry + gap)))
        rows = -(-count // columns)
        columns = -(-count // rows) if rows else 1  # the same rows, evenly filled
        width = max(width, entry + 2 * margin)
        pitch = max(entry + gap, (width - 2 * margin + gap) // columns) if rows > 1 else entry + gap
        return _Layout(columns, rows, pitch, unit + unit // 2 + 2, margin, width)

    @property
    def height(self) -> int:
        return self.rows * self.line + self.margin

    def position(self, index: int) -> tuple[int, int]:
        """Position (left edge, middle line) of an entry."""
        row, column = divmod(index, self.columns)
        return self.margin + column * self.pitch, self.margin // 2 + row * self.line + self.line // 2


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else "<1%"


def _length(font: Any, text: str) -> int:
    return int(np.ceil(font.getlength(text)))
