"""Small SVG charts as text for the report page, without libraries or scripts.

Each function returns one ``<svg>``. Colors are CSS classes (``c0``, ``c1``, ... for series, ``axis``, ``grid``,
``label``, ``mark``), so that the page sets them for light and dark mode. Drawings are as wide as a phone; on a larger
screen they scale with their column.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 480, 260

COLORS = 7
"""Colors of series and parts, ``c0`` to ``c6``: one for each stage and queue; further ones begin again."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 68, 10, 18, 46

_BUCKETS = 220
"""Columns of a line chart: more than twice as many samples are drawn as the range per column, none left out."""

_BARS = 48


class Series(NamedTuple):
    """One line: points (x, y), in order of x."""

    name: str
    points: Sequence[tuple[float, float]]


class Mark(NamedTuple):
    """A named vertical line in a histogram."""

    name: str
    value: float


class _Scale(NamedTuple):
    """Axis scale: maps low..high to start..end, logarithmically if ``log``."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        at = (math.log(value) if self.log else value) - low
        return self.start + at / (high - low) * (self.end - self.start)


def line_chart(series: Sequence[Series], x_label: str, y_label: str, from_zero: bool = True) -> str:
    """Draw lines over a common x; many points become a band from minimum to maximum per column, with its median.

    Raises:
        ValueError: there are no points.
    """
    xs = [x for s in series for x, _ in s.points]
    ys = [y for s in series for _, y in s.points]
    if not xs:
        raise ValueError("a chart of nothing")
    margin = 0.05 * (max(ys) - min(ys)) or 0.05 * abs(max(ys)) or 1.0
    low = 0.0 if from_zero and min(ys) >= 0 else min(ys) - margin
    y_ticks = ticks(low, max(ys) + margin)
    x = _x_scale(min(xs), max(max(xs), min(xs) + 1e-9))
    y = _Scale(min(low, y_ticks[0]), max(max(ys) + margin, y_ticks[-1]), HEIGHT - _BOTTOM, _TOP)
    parts = [*_axes(x, y, ticks(x.low, x.high), y_ticks, x_label, y_label)]
    for number, one in enumerate(series):
        parts += _line(one, number % COLORS, x, y)
    return _svg(parts, f"{y_label} over {x_label}", [s.name for s in series] if len(series) > 1 else [])


def histogram(values: Sequence[float], marks: Sequence[Mark], x_label: str) -> str:
    """Draw a histogram in which every value is counted and a bar of one is still visible.

    The axis is logarithmic if the largest value is more than four times the smallest, so that a long tail does not
    squeeze the rest into one bar.

    Raises:
        ValueError: no values, or one that is not above 0.
    """
    if not values or min(values) <= 0:
        raise ValueError("a histogram needs values above 0")
    low, high = min(values), max(values)
    log = high > 4 * low
    if low == high:
        low, high = 0.9 * low, 1.1 * high
    x = _x_scale(low, high, log)
    counts = [0] * _BARS
    for value in values:
        place = (x(value) - x.start) / (x.end - x.start)
        counts[min(int(place * _BARS), _BARS - 1)] += 1
    y_ticks = [tick for tick in ticks(0, max(counts), 4) if tick == int(tick)]
    y = _Scale(0, max(max(counts), y_ticks[-1]), HEIGHT - _BOTTOM, _TOP + 14)
    parts = _axes(x, y, _log_ticks(low, high) if log else ticks(low, high), y_ticks, x_label, "frames")
    step = (x.end - x.start) / _BARS
    for index, count in enumerate(counts):
        if count:
            height = max(y.start - y(count), 2.0)
            parts.append(
                f'<rect class="c0" x="{x.start + index * step + 0.5:.1f}" y="{y.start - height:.1f}" '
                f'width="{step - 1:.1f}" height="{height:.1f}"><title>{count}</title></rect>'
            )
    right = float(WIDTH)
    for _, mark in sorted(enumerate(marks), key=lambda m: (-m[1].value, -m[0])):  # of equals the last is rightmost
        at = x(mark.value)
        half = 5.6 * len(mark.name)
        label_at = min(at, right - half - 6)  # names side by side rather than on top of each other
        right = label_at - half
        parts.append(f'<line class="mark" x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP + 6}" y2="{y.start}"/>')
        parts.append(
            f'<text class="label" x="{label_at:.1f}" y="{_TOP}" text-anchor="middle">{escape(mark.name)}'
            f"<title>{mark.value:.3f}</title></text>"
        )
    return _svg(parts, f"histogram of {x_label}", [])


def stacked_bar(parts: Sequence[tuple[str, float]], unit: str) -> str:
    """Draw one bar made of ``parts``, with names, values and shares listed below."""
    total = sum(value for _, value in parts) or 1.0
    drawn, at = [], 0.0
    height = 44 + 24 * len(parts)
    for number, (name, value) in enumerate(parts):
        width, color = value / total * WIDTH, f"c{number % COLORS}"
        drawn.append(
            f'<rect class="{color}" x="{at:.1f}" y="0" width="{max(width - 1, 0.5):.1f}" height="30">'
            f"<title>{escape(name)} {value:.3g} {unit}</title></rect>"
        )
        at += width
        row = 56 + 24 * number
        drawn.append(f'<rect class="{color}" x="0" y="{row - 11}" width="12" height="12"/>')
        drawn.append(f'<text class="label" x="20" y="{row}">{escape(name)}</text>')
        drawn.append(f'<text class="label" x="300" y="{row}" text-anchor="end">{value:.2f} {escape(unit)}</text>')
        drawn.append(f'<text class="label" x="400" y="{row}" text-anchor="end">{100 * value / total:.1f} %</text>')
    return _svg(drawn, "split into " + ", ".join(name for name, _ in parts), [], height)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Choose round numbers from ``low`` to ``high`` in steps of 1, 2 or 5 times a power of ten."""
    span = high - low
    if span <= 0:
        return [low]
    raw = span / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)] or [low]


def _log_ticks(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [m * 10.0**p for p in powers for m in (1, 1.5, 2, 3, 5, 7) if low <= m * 10.0**p <= high]
    return found if len(found) >= 2 else [low, high]


def _x_scale(low: float, high: float, log: bool = False) -> _Scale:
    return _Scale(low, high, _LEFT, WIDTH - _RIGHT, log)


def _axes(
    x: _Scale, y: _Scale, x_ticks: Sequence[float], y_ticks: Sequence[float], x_label: str, y_label: str
) -> list[str]:
    bottom = HEIGHT - _BOTTOM
    parts = []
    for tick in y_ticks:
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(f'<text class="label" x="{_LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for tick in x_ticks:
        parts.append(f'<line class="axis" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{bottom}" y2="{bottom + 4}"/>')
        parts.append(f'<text class="label" x="{x(tick):.1f}" y="{bottom + 18}" text-anchor="middle">{tick:.3g}</text>')
    parts.append(f'<line class="axis" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{bottom}" y2="{bottom}"/>')
    parts.append(
        f'<text class="label" x="{(_LEFT + WIDTH) / 2:.0f}" y="{HEIGHT - 8}" text-anchor="middle">'
        f"{escape(x_label)}</text>"
    )
    middle = (_TOP + bottom) / 2
    parts.append(
        f'<text class="label" x="13" y="{middle:.0f}" text-anchor="middle" '
        f'transform="rotate(-90 13 {middle:.0f})">{escape(y_label)}</text>'
    )
    return parts


def _line(series: Series, number: int, x: _Scale, y: _Scale) -> list[str]:
    points = list(series.points)
    if len(points) <= 2 * _BUCKETS:
        drawn = [_polyline(points, f"line c{number}", x, y)]
        if len(points) <= 12:  # few samples: mark each of them
            drawn += [f'<circle class="c{number}" cx="{x(a):.1f}" cy="{y(b):.1f}" r="3"/>' for a, b in points]
        return drawn
    columns: dict[int, list[tuple[float, float]]] = {}
    for a, b in points:
        columns.setdefault(int((x(a) - x.start) / (x.end - x.start) * _BUCKETS), []).append((a, b))
    middles, band = [], []
    for column in sorted(columns):
        inside = sorted(b for _, b in columns[column])
        at = columns[column][len(inside) // 2][0]
        middles.append((at, inside[len(inside) // 2]))
        band.append(f"M{x(at):.1f} {y(inside[0]) + 0.5:.1f}V{y(inside[-1]) - 0.5:.1f}")
    return [f'<path class="range c{number}" d="{"".join(band)}"/>', _polyline(middles, f"line c{number}", x, y)]


def _polyline(points: Sequence[tuple[float, float]], css: str, x: _Scale, y: _Scale) -> str:
    return f'<polyline class="{css}" points="{" ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in points)}"/>'


def _svg(parts: Sequence[str], name: str, legend: Sequence[str], height: float = HEIGHT) -> str:
    rows, at, top = [], 0.0, height + 4
    for number, text in enumerate(legend):
        wide = 36 + 9.4 * len(text)
        if at and at + wide > WIDTH:
            at, top = 0.0, top + 22
        rows.append(
            f'<rect class="c{number % COLORS}" x="{at:.0f}" y="{top:g}" width="12" height="12"/>'
            f'<text class="label" x="{at + 17:.0f}" y="{top + 11:g}">{escape(text)}</text>'
        )
        at += wide
    full = top + 20 if legend else height
    return (
        f'<svg viewBox="0 0 {WIDTH} {full:g}" role="img" aria-label="{escape(name, quote=True)}">'
        f"{''.join([*parts, *rows])}</svg>"
    )
