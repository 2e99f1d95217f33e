"""Depth of an image's pixels in its file, which Pillow's mode does not always tell."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image


@dataclass(frozen=True)
class Depth:
    """What decoding does to numbers of more than 8 bits.

    Attributes:
        shortened: Pillow keeps 8 bits of each, as of 16-bit color, so that no other range can be applied.
        largest: number that Pillow scales to 65535, as of a PGM; None: numbers are the file's own.
    """

    shortened: bool = False
    largest: int | None = None

    def range_in_pixels(self, pixel_range: tuple[float, float] | None) -> tuple[float, float] | None:
        """The range (black, white) that a user states in the file's numbers, in those of the decoded image.

        Raises:
            ValueError: the range cannot be applied.
        """
        if pixel_range is None:
            return None
        if self.shortened:
            raise ValueError(
                "it has 16-bit color, of which 8 bits are read, so --pixel-range cannot be applied; convert it to 8 "
                "bits, or leave the option out for the whole range"
            )
        factor = 1.0 if self.largest is None else 65535 / self.largest
        return pixel_range[0] * factor, pixel_range[1] * factor


def depth_of(image: Image.Image) -> Depth:
    """Depth of an image that is not decoded yet."""
    tiles = getattr(image, "tile", None)  # of image files that are not decoded yet
    tile = tiles[0] if tiles else None
    arguments = getattr(tile, "args", None)
    arguments = arguments if isinstance(arguments, tuple) else (arguments,)
    raw = next((word for word in arguments if isinstance(word, str)), "")
    many = len(image.getbands()) > 1
    if image.format == "PPM":
        largest = next((word for word in arguments if isinstance(word, int)), 255)
        return Depth(many and largest > 255, largest if not many and largest > 255 else None)
    return Depth(many and ";16" in raw)
