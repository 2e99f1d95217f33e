"""A font for tests."""

from __future__ import annotations

from pathlib import Path

import pytest


def write_font(path: Path, characters: str) -> Path:
    """Write a TrueType font of ``characters``, each a rectangle of another width; the test is skipped if none can."""
    builder = pytest.importorskip("fontTools.fontBuilder", reason="making a font needs fontTools")
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    names = {f"glyph{ord(character)}": ord(character) for character in characters}
    made = builder.FontBuilder(1000)
    made.setupGlyphOrder([".notdef", "space", *names])
    made.setupCharacterMap({32: "space", **{code: name for name, code in names.items()}})
    glyphs = {"space": TTGlyphPen(None).glyph()}
    for number, name in enumerate([".notdef", *names]):
        pen = TTGlyphPen(None)
        pen.moveTo((100, 0))
        for point in ((100, 700), (300 + 60 * number, 700), (300, 0)):
            pen.lineTo(point)
        pen.closePath()
        glyphs[name] = pen.glyph()
    made.setupGlyf(glyphs)
    made.setupHorizontalMetrics(dict.fromkeys(glyphs, (800, 100)))
    made.setupHorizontalHeader(ascent=800, descent=-200)
    made.setupNameTable({"familyName": "Tiny", "styleName": "Regular"})
    made.setupOS2()
    made.setupPost()
    made.save(path)
    return path
