"""Class sets that this package knows by name."""

from __future__ import annotations

import colorsys
import re
from pathlib import Path

from .files import read_text
from .spec import ClassSet, Color
from .text import count_of, printable

# CamVid classes use the Cityscapes color of the same object, so that a road has the same purple with any weights.
_CITYSCAPES: dict[str, Color] = {
    "road": (128, 64, 128),
    "sidewalk": (244, 35, 232),
    "building": (70, 70, 70),
    "wall": (102, 102, 156),
    "fence": (190, 153, 153),
    "pole": (153, 153, 153),
    "traffic light": (250, 170, 30),
    "traffic sign": (220, 220, 0),
    "vegetation": (107, 142, 35),
    "terrain": (152, 251, 152),
    "sky": (70, 130, 180),
    "person": (220, 20, 60),
    "rider": (255, 0, 0),
    "car": (0, 0, 142),
    "truck": (0, 0, 70),
    "bus": (0, 60, 100),
    "train": (0, 80, 100),
    "motorcycle": (0, 0, 230),
    "bicycle": (119, 11, 32),
}

CITYSCAPES = ClassSet(tuple(_CITYSCAPES), tuple(_CITYSCAPES.values()))

_CAMVID_TO_CITYSCAPES = {
    "sky": "sky",
    "building": "building",
    "pole": "pole",
    "road": "road",
    "pavement": "sidewalk",
    "tree": "vegetation",
    "sign": "traffic sign",
    "fence": "fence",
    "car": "car",
    "pedestrian": "person",
    "bicyclist": "bicycle",
}

CAMVID = ClassSet(tuple(_CAMVID_TO_CITYSCAPES), tuple(_CITYSCAPES[name] for name in _CAMVID_TO_CITYSCAPES.values()))


KNOWN = {"cityscapes": CITYSCAPES, "camvid": CAMVID}
"""Class sets that ``--classes`` knows by name."""

MAX_CLASSES = 255
"""Largest class count: class maps are uint8, and 255 means void."""

_LINE = re.compile(r"(?P<label>.+?)\s*[,;\t]\s*(?P<r>\d{1,3})\s*[,;\t]\s*(?P<g>\d{1,3})\s*[,;\t]\s*(?P<b>\d{1,3})")

_NUMBER_AT_END = re.compile(r".*[,;\t]\s*[-+]?\d+(\.\d*)?", re.DOTALL)
"""A line that seems to have a color, or a part of one."""


def generic(count: int, labels: tuple[str, ...] = ()) -> ClassSet:
    """Class set for a checkpoint that names none: evenly spaced hues, labels 'class 0' and so on."""
    names = labels or tuple(f"class {i}" for i in range(count))
    hues = [colorsys.hsv_to_rgb(i / count, 0.75, 0.95) for i in range(count)]
    return ClassSet(names, tuple((int(r * 255), int(g * 255), int(b * 255)) for r, g, b in hues))


def with_palette(labels: tuple[str, ...], palette: tuple[Color, ...] | None = None) -> ClassSet:
    """Class set of these labels; without a palette, that of a known class set of the same labels or generic colors."""
    if palette is not None:
        return ClassSet(labels, palette)
    return next((known for known in KNOWN.values() if known.labels == labels), generic(len(labels), labels))


def with_background(classes: ClassSet, count: int) -> ClassSet:
    """``classes``, and before a single one, if there are to be two, a black background: the two sides of a sigmoid."""
    if (len(classes), count) != (1, 2):
        return classes
    return ClassSet(("background", *classes.labels), ((0, 0, 0), *classes.palette))


def parse_classes(text: str, colored_only: bool = False) -> ClassSet:
    """Class set of a file's text: a name on each line, or ``name, red, green, blue`` with colors of 0..255.

    With ``colored_only`` every line must have a color.

    Empty lines, lines that begin with ``#`` and the heading ``name,r,g,b`` are skipped.

    Raises:
        ValueError: no class or more than :data:`MAX_CLASSES`, a name twice, or colors on some lines only.
    """
    numbered = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
    numbered = [(number, line) for number, line in numbered if line and not line.startswith("#")]
    if numbered and re.sub(r"\s", "", numbered[0][1].lower()) == "name,r,g,b":
        numbered = numbered[1:]
    lines = [line for _, line in numbered]
    matches = [_LINE.fullmatch(line) for line in lines]
    for (number, line), match in zip(numbered, matches, strict=True):
        if match and max(int(match[part]) for part in "rgb") <= 255 and not _NUMBER_AT_END.fullmatch(match["label"]):
            continue
        if _NUMBER_AT_END.fullmatch(line):
            shown = printable(line)[:60]
            raise ValueError(f"has in line {number}, '{shown}', no color: write NAME, RED, GREEN, BLUE, each 0..255")
    labels = tuple(match["label"] if match else line for match, line in zip(matches, lines, strict=True))
    if not 1 <= len(labels) <= MAX_CLASSES:
        raise ValueError(f"names {count_of(len(labels), 'class')}; 1 to {MAX_CLASSES} are possible")
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise ValueError(f"names the class '{printable(twice)}' twice; give each a name of its own")
    colored = [match for match in matches if match]
    if not colored and not colored_only:
        return with_palette(labels)
    if len(colored) < len(labels):
        number, plain = next(line for line, match in zip(numbered, matches, strict=True) if not match)
        shown = printable(plain)[:60]
        raise ValueError(f"has a line without a color, {number}: '{shown}'; write NAME, RED, GREEN, BLUE in each")
    return ClassSet(labels, tuple((int(m["r"]), int(m["g"]), int(m["b"])) for m in colored))


def load_classes(argument: str | Path) -> ClassSet:
    """Class set that ``--classes`` means: a name of :data:`KNOWN`, or a file as :func:`parse_classes` reads it.

    Raises:
        ValueError: neither, with a sentence for the user.
    """
    known = KNOWN.get(str(argument).lower())
    if known is not None:
        return known
    try:
        return parse_classes(read_text(argument))
    except ValueError as error:
        names = " and ".join(KNOWN)
        raise ValueError(f"{argument} {error} (a file with a class on each line; {names} are known by name)") from None
