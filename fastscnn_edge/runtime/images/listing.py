"""List of the image files in a folder."""

from __future__ import annotations

import re
from pathlib import Path

from ...errors import SourceError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".pgm", ".tif", ".tiff", ".gif"})


def list_images(folder: Path, recursive: bool = False) -> list[Path]:
    """List the image files in ``folder`` in natural order: ``2.png`` before ``10.png``.

    Hidden files and folders, and leftovers of archives (``__MACOSX``, ``._2.png``), are skipped.

    Raises:
        SourceError: the folder cannot be listed.
    """
    try:
        entries = folder.rglob("*") if recursive else folder.iterdir()
        found = [path for path in entries if _is_image(path.relative_to(folder)) and path.is_file()]
    except OSError as error:
        raise SourceError(f"cannot list {folder}: {error.strerror or error}") from error
    return sorted(found, key=lambda path: natural_order(path.relative_to(folder).as_posix()))


def natural_order(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that compares runs of digits as numbers."""
    parts = re.split(r"(\d+)", name, flags=re.ASCII)
    return (*((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts), (2, 0, name))


def _is_image(path: Path) -> bool:
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
    return path.suffix.lower() in IMAGE_SUFFIXES and not hidden
