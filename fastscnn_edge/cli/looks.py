"""Look options of ``run``: how overlays and masks are drawn, and what must not be seen in them."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from ..classes import KNOWN
from ..errors import UsageError, require
from ..log import Log
from ..runtime.sinks.style import MASK_FORMATS, Style
from ..spec import ClassSet
from ..text import printable
from .arguments import file_path, number

if TYPE_CHECKING:
    from ..runtime.pipeline.smoothing import LogitMean
    from ..runtime.sources.base import FrameSource

_LISTED = 400
"""Characters of class names in an error message."""


def add_look_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of overlays and masks."""
    group = parser.add_argument_group("look options", "for files, video, page and window alike")
    group.add_argument(
        "--opacity",
        type=number(0, 1),
        default=0.5,
        metavar="0..1",
        help="of the class colors over the picture: 0 shows only the picture, 1 only the colors (default: 0.5)",
    )
    group.add_argument("--outline", action="store_true", help="draw the classes' boundaries as lines of their colors")
    group.add_argument("--no-legend", action="store_true", help="no legend below overlays")
    group.add_argument(
        "--font",
        type=file_path,
        metavar="FILE",
        help="TrueType or OpenType font of the legend; Pillow's own has no letters but those of English",
    )
    group.add_argument(
        "--only",
        metavar="CLASS,...",
        help="paint only these classes, names or indices, and list only them in the legend; masks and shares stay "
        "whole",
    )
    group.add_argument(
        "--palette",
        metavar="FILE|NAME",
        help=f"colors instead of the model's: colorblind, {', '.join(KNOWN)}, or a file with NAME, RED, GREEN, BLUE on "
        "each line; classes that it does not name keep theirs",
    )
    group.add_argument(
        "--blur",
        metavar="CLASS,...",
        help="make these classes and a margin around them unrecognizable before a frame is written, shown or served, "
        "for example person,car; what the network takes for another class stays visible; masks do not change",
    )
    group.add_argument(
        "--smooth",
        type=number(0.001, 3600, "number of seconds"),
        metavar="SECONDS",
        help="against flicker in a video or camera: masks of a running mean with this time constant, for example 0.3 "
        "(default: each frame by itself)",
    )
    group.add_argument(
        "--mask-format",
        choices=MASK_FORMATS,
        default="index",
        help="mask files: class indices with a palette, class indices as gray values, or colors (default: index)",
    )


def check_looks(options: argparse.Namespace) -> None:
    """Validate what needs no class names, before the model is loaded."""
    require(
        not options.outline or options.opacity < 1,
        "--outline is invisible at --opacity 1: its lines have the same colors",
    )


def smoothing_of(options: argparse.Namespace, source: FrameSource) -> LogitMean | None:
    """Make the mean of ``--smooth``.

    Raises:
        UsageError: the source is neither video nor camera.
    """
    if options.smooth is None:
        return None
    from ..runtime.pipeline.smoothing import LogitMean

    require(source.moving, "--smooth is for a video or camera: pictures do not follow each other")
    return LogitMean(options.smooth)


def style_of(options: argparse.Namespace, class_set: ClassSet) -> Style:
    """Make the style that the options of :func:`add_look_options` state.

    Raises:
        UsageError: a class does not exist, or the font cannot be used.
    """
    if options.font is not None:
        from ..runtime.sinks.font import check_font

        try:
            check_font(options.font, class_set.labels)
        except ValueError as error:
            raise UsageError(f"--font {printable(str(options.font))} {error}") from None
    return Style(
        opacity=options.opacity,
        outline=options.outline,
        legend=not options.no_legend,
        only=None if options.only is None else class_indices("--only", options.only, class_set),
        font=None if options.font is None else str(options.font),
        mask_format=options.mask_format,
    )


def blurred_classes(options: argparse.Namespace, class_set: ClassSet) -> frozenset[int]:
    """Indices of the classes of ``--blur``.

    Raises:
        UsageError: a class does not exist.
    """
    return frozenset() if options.blur is None else class_indices("--blur", options.blur, class_set)


def colored(options: argparse.Namespace, class_set: ClassSet, log: Log) -> ClassSet:
    """Return ``class_set`` in the colors of ``--palette``.

    Raises:
        UsageError: it is neither a palette nor a file of colors, or has no color for any class.
    """
    if options.palette is None:
        return class_set
    from ..palettes import colors_of

    name = f"--palette {printable(options.palette)}"
    try:
        colors = colors_of(options.palette, class_set)
    except ValueError as error:
        raise UsageError(f"{name} {error}") from None
    strange = [label for label in colors if label not in class_set.labels]
    if len(strange) == len(colors):
        raise UsageError(f"{name} names none of the model's classes: {_names(class_set)}")
    if strange:
        log("warning", f"{name} names a class that the model does not have: '{printable(strange[0])}'")
    old = zip(class_set.labels, class_set.palette, strict=True)
    return ClassSet(class_set.labels, tuple(colors.get(label, color) for label, color in old))


def class_indices(option: str, text: str, class_set: ClassSet) -> frozenset[int]:
    """Indices of the comma-separated classes in ``text``, names or indices.

    Raises:
        UsageError: one does not exist, or there is none.
    """
    found = set()
    for word in filter(None, (part.strip() for part in text.split(","))):
        if word in class_set.labels:
            found.add(class_set.labels.index(word))
        elif re.fullmatch("[0-9]{1,3}", word) and int(word) < len(class_set):
            found.add(int(word))
        else:
            raise UsageError(f"{option}: the model has no class '{printable(word)[:60]}', but {_names(class_set)}")
    require(bool(found), f"{option} names no class: give names or indices, for example {option} {class_set.labels[0]}")
    return frozenset(found)


def _names(class_set: ClassSet) -> str:
    names = ", ".join(map(printable, class_set.labels))
    return names if len(names) <= _LISTED else names[:_LISTED].rpartition(",")[0] + ", ..."
