"""Drawings of class maps: colors over the frame, a legend, and an indexed PNG."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ...spec import ClassSet
from .png import BAND

LONGEST_LEGEND = 16384
"""Width in pixels above which a picture's overlay has no legend: it would take more memory than the picture."""

_BACKGROUND, _INK, _RIM = (250, 250, 250), (33, 33, 33), (150, 150, 150)


def blend(rgb: np.ndarray, class_map: np.ndarray, class_set: ClassSet) -> np.ndarray:
    """Blend half the frame with half the class colors.

    Args:
        rgb: uint8 [H, W, 3].
        class_map: uint8 [H, W].
        class_set: gives the palette.

    Returns:
        uint8 [H, W, 3].
    """
    # Halving both first keeps the sum inside uint8, and Pillow's palette lookup beats numpy's row gather.
    colors = _indexed(class_map, np.asarray(class_set.palette, np.uint8) >> 1).convert("RGB")
    result: np.ndarray = np.add(np.asarray(colors), rgb >> 1)
    return result


def class_shares(class_map: np.ndarray, count: int) -> np.ndarray:
    """Share of the pixels per class: float64 [count], sum 1."""
    # Pillow counts in place; numpy's bincount would first widen the class map to eight bytes a pixel.
    counts = Image.fromarray(np.ascontiguousarray(class_map)).histogram()
    return np.array(counts[:count], np.float64) / class_map.size


def overlay(rgb: np.ndarray, class_map: np.ndarray, class_set: ClassSet, only_present: bool) -> Image.Image:
    """Draw the blended frame with a legend below it.

    Args:
        rgb: uint8 [H, W, 3].
        class_map: uint8 [H, W].
        class_set: names and colors.
        only_present: list only the classes in the frame, largest first, with their shares; else all classes in their
            own order, so that all frames of a video have the same layout and size.
    """
    height, width = class_map.shape
    strip = legend_of(class_map, class_set, only_present)
    canvas = Image.new("RGB", (strip.width, height + strip.height), _BACKGROUND)
    for top in range(0, height, BAND):
        rows = slice(top, top + BAND)
        band = Image.fromarray(blend(rgb[rows], class_map[rows], class_set))
        canvas.paste(band, ((strip.width - width) // 2, top))
    canvas.paste(strip, (0, height))
    return canvas


def overlay_bands(
    rgb: np.ndarray, class_map: np.ndarray, class_set: ClassSet
) -> tuple[tuple[int, int], Iterator[np.ndarray]]:
    """Draw what :func:`overlay` with ``only_present`` draws, a few rows at a time.

    Returns:
        (height, width) of the drawing, and its bands from the top, uint8 [rows, width, 3]. A picture of extreme shape,
        whose legend would be larger than itself, has none.
    """
    height, width = class_map.shape
    strip: np.ndarray | None = None
    if width <= LONGEST_LEGEND:
        strip = np.asarray(legend_of(class_map, class_set, only_present=True))
    whole = width if strip is None else strip.shape[1]
    left = (whole - width) // 2

    def bands() -> Iterator[np.ndarray]:
        for top in range(0, height, BAND):
            rows = slice(top, top + BAND)
            band = blend(rgb[rows], class_map[rows], class_set)
            if whole > width:
                band = np.pad(band, ((0, 0), (left, whole - width - left), (0, 0)), constant_values=_BACKGROUND[0])
            yield band
        if strip is not None:
            yield strip

    return (height + (0 if strip is None else len(strip)), whole), bands()


def legend_of(class_map: np.ndarray, class_set: ClassSet, only_present: bool) -> Image.Image:
    """Draw the legend for a class map; ``only_present`` as in :func:`overlay`."""
    if only_present:
        shares = class_shares(class_map, len(class_set))
        shown = [int(i) for i in np.argsort(-shares, kind="stable") if shares[i] > 0]
        texts = [f"{class_set.labels[i]}  {_percent(float(shares[i]))}" for i in shown]
    else:
        shown = list(range(len(class_set)))
        texts = list(class_set.labels)
    return legend(texts, [class_set.palette[i] for i in shown], class_map.shape[1])


def legend(texts: list[str], colors: list[tuple[int, int, int]], width: int) -> Image.Image:
    """Draw swatches and texts in aligned columns, ``width`` pixels wide or as wide as the longest text needs."""
    unit = max(12, min(32, width // 56))  # font size in pixels; all distances follow from it
    font = _font(unit)
    entry = unit + unit // 2 + max((_length(font, text) for text in texts), default=0)
    layout = _Layout.fit(len(texts), entry, unit, width)
    strip = Image.new("RGB", (layout.width, layout.height), _BACKGROUND)
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


def _indexed(class_map: np.ndarray, palette: np.ndarray) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(class_map))
    image.putpalette(palette.tobytes())  # turns mode L into P, values unchanged
    return image


@lru_cache(maxsize=4)
def _font(size: int) -> Any:
    return ImageFont.load_default(size)


def _length(font: Any, text: str) -> int:
    return int(np.ceil(font.getlength(text)))
