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


def orientation_of(image: Image.Image) -> int:
    """EXIF orientation 1 to 8 (CIPA DC-008, 4.6.4); 1, upright as stored, if it is missing or invalid."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # a damaged tag may have any type and offset: Pillow raises a dozen kinds of error
        return 1
    return value if type(value) is int and value in _TURNS else 1


_INVERSE = {6: 8, 8: 6}
"""Orientations that do not undo themselves."""


def decoded(image: Image.Image, turn: bool) -> tuple[Image.Image, bool]:
    """Decode ``image``, upright or, without ``turn``, as stored; returns it and whether its orientation is not 1.

    Pillow applies the orientation itself while decoding TIFF, and for no other format.
    """
    # Of a PNG, EXIF may stand behind the pixels: Pillow decodes them to get at it, and an error in them must not end in
    # orientation_of(), which takes it for damaged EXIF and leaves pixels that were never decoded.
    before = orientation_of(image) if image.format == "TIFF" else None
    image.load()
    orientation = orientation_of(image) if before is None else before
    already = before is not None and orientation_of(image) != before
    if turn and not already:
        image = _turned(image, orientation)
    elif already and not turn:
        image = _turned(image, _INVERSE.get(orientation, orientation))
    return image, orientation != 1


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    turn = _TURNS.get(orientation)
    if turn is None:
        return image
    turned = image.transpose(turn)
    turned.format = image.format  # needed later: it limits the depth of the pixels
    return turned
