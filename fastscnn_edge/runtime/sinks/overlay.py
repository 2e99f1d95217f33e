"""Drawings of class maps: colors and outlines over the frame, with a legend."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image

from ...spec import ClassSet
from .legend import GROUND, legend_of
from .png import BAND
from .shares import looked_up
from .style import PLAIN, Style

LONGEST_LEGEND = 16384
"""Width in pixels above which a picture's overlay has no legend: it would take more memory than the picture."""

_ALL = slice(None)

_LINE = 800
"""A frame of so many pixels on its longer side has outlines of one pixel on either side of a boundary."""


def blend(
    rgb: np.ndarray, class_map: np.ndarray, class_set: ClassSet, style: Style = PLAIN, rows: slice = _ALL
) -> np.ndarray:
    """Blend the frame with the class colors, by default half and half.

    Args:
        rgb: uint8 [H, W, 3].
        class_map: uint8 [H, W].
        class_set: gives the palette.
        style: opacity, outline and painted classes.
        rows: only these, step 1; outlines need the rows around them.

    Returns:
        uint8 [rows, W, 3].
    """
    seen, classes = rgb[rows], class_map[rows]
    weight = round(style.opacity * 256)
    palette = np.asarray(class_set.palette, np.uint16)
    # Weighting both first keeps the sum inside uint8, and Pillow's palette lookup beats numpy's row gather.
    colors = _painted(classes, palette * weight >> 8)
    faded = seen >> 1 if weight == 128 else looked_up(seen, np.arange(256) * (256 - weight) >> 8)
    result: np.ndarray = np.add(colors, faded, order="C")
    if style.only is not None:
        left_out = looked_up(classes, [not style.paints(index) for index in range(256)]).view(bool)
        _copy(seen, result, left_out)
    if style.outline:
        line = _boundaries(class_map, rows)
        if style.only is not None:
            line &= ~left_out
        _copy(_painted(classes, palette), result, line)
    return result


def overlay(
    rgb: np.ndarray, class_map: np.ndarray, class_set: ClassSet, only_present: bool, style: Style = PLAIN
) -> Image.Image:
    """Draw the blended frame with a legend below it.

    Args:
        rgb: uint8 [H, W, 3].
        class_map: uint8 [H, W].
        class_set: names and colors.
        only_present: list only the classes in the frame, largest first, with their shares; else all classes in their
            own order, so that all frames of a video have the same layout and size.
        style: looks.
    """
    height, width = class_map.shape
    strip = legend_of(class_map, class_set, only_present, style) if style.legend else None
    whole = (width, height) if strip is None else (strip.width, height + strip.height)
    canvas = Image.new("RGB", whole, GROUND)
    for top in range(0, height, BAND):
        band = Image.fromarray(blend(rgb, class_map, class_set, style, slice(top, top + BAND)))
        canvas.paste(band, ((whole[0] - width) // 2, top))
    if strip is not None:
        canvas.paste(strip, (0, height))
    return canvas


def overlay_bands(
    rgb: np.ndarray, class_map: np.ndarray, class_set: ClassSet, style: Style = PLAIN
) -> tuple[tuple[int, int], Iterator[np.ndarray]]:
    """Draw what :func:`overlay` with ``only_present`` draws, a few rows at a time.

    Returns:
        (height, width) of the drawing, and its bands from the top, uint8 [rows, width, 3]. A picture of extreme shape,
        whose legend would be larger than itself, has none.
    """
    height, width = class_map.shape
    strip: np.ndarray | None = None
    if style.legend and width <= LONGEST_LEGEND:
        strip = np.asarray(legend_of(class_map, class_set, only_present=True, style=style))
    whole = width if strip is None else strip.shape[1]
    left = (whole - width) // 2

    def bands() -> Iterator[np.ndarray]:
        for top in range(0, height, BAND):
            band = blend(rgb, class_map, class_set, style, slice(top, top + BAND))
            if whole > width:
                band = np.pad(band, ((0, 0), (left, whole - width - left), (0, 0)), constant_values=GROUND[0])
            yield band
        if strip is not None:
            yield strip

    return (height + (0 if strip is None else len(strip)), whole), bands()


def _boundaries(class_map: np.ndarray, rows: slice) -> np.ndarray:
    """Pixels of ``rows`` near one of another class, in rows or columns: bool [rows, W]."""
    height, width = class_map.shape
    top, bottom, _ = rows.indices(height)
    reach = max(1, round(max(height, width) / _LINE))
    first = max(0, top - reach)
    around = class_map[first : bottom + reach]
    near = np.zeros(around.shape, bool)
    for far in range(1, reach + 1):
        differs = around[far:] != around[:-far]
        near[far:] |= differs
        near[:-far] |= differs
        differs = around[:, far:] != around[:, :-far]
        near[:, far:] |= differs
        near[:, :-far] |= differs
    return near[top - first : bottom - first]


def _copy(source: np.ndarray, target: np.ndarray, where: np.ndarray) -> None:
    """Copy pixels, [H, W, 3], where [H, W] says so. As bytes: along an axis of three numpy takes four times as long."""
    rows = len(where)
    np.copyto(target.reshape(rows, -1), source.reshape(rows, -1), where=where.repeat(3, axis=1))


def _painted(class_map: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Colors of the classes: uint8 [H, W, 3]."""
    image = Image.fromarray(np.ascontiguousarray(class_map))
    image.putpalette(palette.astype(np.uint8).tobytes())  # turns mode L into P, values unchanged
    return np.asarray(image.convert("RGB"))
