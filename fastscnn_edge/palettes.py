"""Colors to choose instead of a model's own."""

from __future__ import annotations

from pathlib import Path

from .classes import KNOWN, parse_classes
from .files import read_text
from .spec import ClassSet, Color

COLORBLIND: dict[int, tuple[Color, ...]] = {
    11: (
        (102, 153, 187),
        (204, 119, 102),
        (102, 0, 255),
        (238, 68, 17),
        (85, 255, 221),
        (0, 51, 68),
        (85, 0, 136),
        (187, 102, 255),
        (204, 255, 153),
        (255, 221, 0),
        (102, 17, 0),
    ),
    19: (
        (102, 102, 85),
        (170, 85, 255),
        (221, 255, 0),
        (51, 34, 102),
        (34, 255, 170),
        (153, 153, 187),
        (204, 119, 0),
        (68, 0, 255),
        (187, 255, 255),
        (68, 34, 51),
        (170, 136, 85),
        (102, 0, 0),
        (102, 0, 170),
        (85, 187, 153),
        (0, 102, 119),
        (170, 34, 0),
        (238, 136, 255),
        (170, 68, 187),
        (238, 204, 85),
    ),
    32: (
        (170, 153, 204),
        (153, 255, 0),
        (102, 0, 0),
        (255, 238, 187),
        (187, 0, 17),
        (0, 0, 255),
        (187, 119, 0),
        (255, 51, 119),
        (153, 34, 187),
        (85, 0, 85),
        (34, 0, 153),
        (238, 204, 119),
        (17, 51, 51),
        (153, 102, 187),
        (85, 119, 51),
        (85, 136, 255),
        (238, 170, 136),
        (221, 153, 255),
        (68, 0, 119),
        (170, 204, 34),
        (51, 136, 102),
        (136, 187, 170),
        (255, 0, 255),
        (119, 255, 238),
        (204, 255, 102),
        (136, 17, 221),
        (102, 68, 51),
        (136, 51, 102),
        (68, 187, 68),
        (85, 68, 136),
        (204, 204, 255),
        (204, 85, 153),
    ),
}
"""Number of classes, at most -> colors that differ also for color-blind eyes; ``tools.colorblind`` found them."""

NAMES = ("colorblind", *KNOWN)
"""Palettes that ``--palette`` knows by name."""


def colorblind(count: int) -> tuple[Color, ...]:
    """Colors of ``count`` classes that differ also for color-blind eyes.

    Raises:
        ValueError: there are not so many.
    """
    for most, colors in COLORBLIND.items():
        if count <= most:
            return colors[:count]
    raise ValueError(f"has {max(COLORBLIND)} colors, and there are {count} classes: more cannot be told apart")


def colors_of(argument: str | Path, class_set: ClassSet) -> dict[str, Color]:
    """Label -> color that ``--palette`` means: a name of :data:`NAMES`, or a file with a class and color on each line.

    Args:
        argument: the name or the file's path.
        class_set: the classes to color; a file may name others and fewer.

    Raises:
        ValueError: neither; the message continues a sentence that begins with ``argument``.
    """
    name = str(argument).lower()
    if name == "colorblind":
        return dict(zip(class_set.labels, colorblind(len(class_set)), strict=True))
    found = KNOWN.get(name) or parse_classes(read_text(argument), colored_only=True)
    return dict(zip(found.labels, found.palette, strict=True))
