"""Options for reading pictures, shared by every command that reads them."""

from __future__ import annotations

import argparse

from ..log import Warn, warn_on_stderr
from ..runtime.images import ImageReader
from .arguments import integer


def add_image_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--pixel-range`` and ``--stored-orientation``."""
    group = parser.add_argument_group("picture options")
    group.add_argument(
        "--pixel-range",
        type=_pixel_range,
        metavar="BLACK:WHITE",
        help="pixel values of black and white in 16-bit, 32-bit and float pictures, for example 0:1 or 0:4095 "
        "(default: 0:65535 for 16 bits; required for 32-bit and float)",
    )
    group.add_argument(
        "--stored-orientation",
        action="store_true",
        help="leave pictures as they are stored, instead of turning them upright by their EXIF orientation",
    )


def add_recursive_option(parser: argparse._ActionsContainer) -> None:
    """Add ``--recursive``."""
    parser.add_argument("--recursive", action="store_true", help="of a folder, also the pictures in its subfolders")


def add_max_size_option(parser: argparse._ActionsContainer) -> None:
    """Add ``--max-size``."""
    parser.add_argument(
        "--max-size",
        type=integer(16, 65535),
        metavar="N",
        help="make larger pictures smaller when they are read, to N pixels on their longer side, for less memory and "
        "time; overlays and masks have that size",
    )


def reader_of(options: argparse.Namespace, warn: Warn = warn_on_stderr) -> ImageReader:
    """Make a reader from the options of :func:`add_image_options`."""
    max_side = getattr(options, "max_size", None)
    return ImageReader(options.pixel_range, turn=not options.stored_orientation, warn=warn, max_side=max_side)


def _pixel_range(text: str) -> tuple[float, float]:
    black, _, white = text.partition(":")
    try:
        low, high = float(black), float(white)
    except ValueError:
        low = high = 0.0
    if not -1e12 <= low < high <= 1e12:
        raise argparse.ArgumentTypeError(f"'{text}' is not BLACK:WHITE with black below white, for example 0:1")
    return low, high
