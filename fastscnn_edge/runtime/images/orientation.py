"""EXIF orientation, read so that a damaged entry elsewhere in EXIF does no harm."""

from __future__ import annotations

from PIL import Image

_ORIENTATION = 0x0112

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_ACROSS = 5
"""From this orientation on, rows are stored as columns."""

_FROM_THE_END = (3, 4, 7, 8)
"""Orientations whose first row is stored as the last row or column."""


def orientation_of(image: Image.Image) -> int:
    """EXIF orientation 1 to 8 (CIPA DC-008, 4.6.4); 1, upright as stored, if it is missing or invalid."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # a damaged tag may have any type and offset: Pillow raises a dozen kinds of error
        return 1
    return value if type(value) is int and value in _TURNS else 1


_INVERSE = {6: 8, 8: 6}
"""Orientations that do not undo themselves."""


def decoded(image: Image.Image, turn: bool) -> tuple[int, bool]:
    """Decode ``image``; returns the orientation that its pixels are still to be given, and whether its own is not 1.

    Upright or, without ``turn``, as stored: Pillow applies the orientation itself while decoding TIFF, and for no
    other format.
    """
    # Of a PNG, EXIF may stand behind the pixels: Pillow decodes them to get at it, and an error in them must not end in
    # orientation_of(), which takes it for damaged EXIF and leaves pixels that were never decoded.
    before = orientation_of(image) if image.format == "TIFF" else None
    image.load()
    orientation = orientation_of(image) if before is None else before
    already = before is not None and orientation_of(image) != before
    if turn and not already:
        left = orientation
    elif already and not turn:
        left = _INVERSE.get(orientation, orientation)
    else:
        left = 1
    return left, orientation != 1


def turned_size(image: Image.Image, orientation: int) -> tuple[int, int]:
    """(height, width) of ``image`` once it is turned."""
    return (image.width, image.height) if orientation >= _ACROSS else (image.height, image.width)


def turned_rows(image: Image.Image, orientation: int, top: int, bottom: int) -> Image.Image:
    """Rows ``top`` to ``bottom`` of ``image`` as it is once turned; turning all of it would need a second copy."""
    if orientation in _FROM_THE_END:
        end = image.width if orientation >= _ACROSS else image.height
        top, bottom = end - bottom, end - top
    across = orientation >= _ACROSS
    rows = image.crop((top, 0, bottom, image.height) if across else (0, top, image.width, bottom))
    turn = _TURNS.get(orientation)
    return rows if turn is None else rows.transpose(turn)
