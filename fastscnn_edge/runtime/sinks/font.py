"""The legend's font, and what it cannot show. Pillow's own has the letters of English and no others."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from ...spec import ClassSet
from ...text import printable
from .style import Style

SIZES = range(12, 33)
"""Sizes of a legend's type in pixels."""

_SIZE = 32  # pixels, large enough that no letter looks like the box of a missing one
_NOWHERE = "\uffff"  # a code point that is no character, so that no font has it


@lru_cache(maxsize=4)
def load_font(size: int, font_file: str | None = None) -> Any:
    """Load the font of ``font_file``, or Pillow's own, at ``size`` pixels.

    Raises:
        OSError: it is no font of a kind that FreeType reads.
    """
    from PIL import ImageFont  # a run that draws nothing does without

    return ImageFont.load_default(size) if font_file is None else ImageFont.truetype(font_file, size)


def check_font(font_file: Path, texts: Iterable[str]) -> None:
    """Refuse what is no font, or too damaged to draw ``texts`` in any size of a legend.

    Raises:
        ValueError: it is; the message continues a sentence that begins with the path.
    """
    from PIL import Image

    if not font_file.is_file():  # Pillow would look for another one of this name
        raise ValueError("is no file")
    try:
        for size in SIZES:
            font = load_font.__wrapped__(size, str(font_file))
            for text in (_NOWHERE, "0123456789<%", *texts):
                font.getmask(text)
                font.getlength(text)
    except (OSError, ValueError, MemoryError, Image.DecompressionBombError) as error:
        raise ValueError(f"is no TrueType or OpenType font, or damaged: {error}") from None


def legend_problem(class_set: ClassSet, style: Style) -> str | None:
    """What the legend of ``class_set`` could not show, in a sentence; None if it can show all."""
    labels = [label for index, label in enumerate(class_set.labels) if style.paints(index)]
    if style.font is None and all(label.isascii() for label in labels):
        return None
    lacking = {label: glyph for label in labels if (glyph := _missing(label, style.font))}
    if lacking:
        label, glyph = next(iter(lacking.items()))
        others = f" (and letters of {len(lacking) - 1} further classes)" if len(lacking) > 1 else ""
        which = "the font" if style.font else "Pillow's own font"
        return (
            f"the legend cannot show '{printable(glyph)}' (U+{ord(glyph):04X}) of the class '{printable(label)}'"
            f"{others}: {which} lacks it; give one that has it with --font FILE"
        )
    from PIL import features

    joined = next((label for label in labels if any(unicodedata.bidirectional(c) in ("R", "AL") for c in label)), None)
    if joined is not None and not features.check("raqm"):
        return f"the legend cannot join and order the letters of the class '{printable(joined)}': Pillow lacks Raqm"
    return None


def _missing(text: str, font_file: str | None) -> str | None:
    """First character of ``text`` that is drawn as the font draws what it does not have."""
    font = load_font(_SIZE, font_file)
    box = font.getmask(_NOWHERE)
    for character in text:
        if character.isspace() or unicodedata.category(character).startswith("C"):  # joiners and the like show nothing
            continue
        drawn = font.getmask(character)
        if drawn.size == box.size and bytes(drawn) == bytes(box):
            return character
    return None
