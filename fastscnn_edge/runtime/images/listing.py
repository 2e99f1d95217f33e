"""List of the image files in a folder."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from ...errors import SourceError
from ...log import Warn, silent
from ...text import count_of

IMAGE_SUFFIXES = frozenset(
    [
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".jif",
        ".png",
        ".apng",
        ".bmp",
        ".dib",
        ".webp",
        ".ppm",
        ".pgm",
        ".pbm",
        ".pnm",
        ".tif",
        ".tiff",
        ".gif",
        ".avif",
    ]
)

_LOOKED_AT = 10_000
"""Files below a folder without pictures that are looked at for a hint."""


def list_images(folder: Path, recursive: bool = False, warn: Warn = silent) -> list[Path]:
    """List the image files in ``folder`` in natural order: ``2.png`` before ``10.png``.

    Hidden files and folders, and leftovers of archives (``__MACOSX``, ``._2.png``), are passed over.

    Args:
        recursive: also those in its subfolders.
        warn: receives one line about the files that are passed over, if there are any of other formats.

    Raises:
        SourceError: the folder cannot be listed, or holds no images.
    """
    found: list[Path] = []
    others: Counter[str] = Counter()
    hidden = 0
    for path in _files(folder, recursive, others):
        if _is_hidden(path.relative_to(folder)):
            hidden += 1
        elif path.suffix.lower() in IMAGE_SUFFIXES:
            found.append(path)
        else:
            others[path.suffix.lower() or "without suffix"] += 1
    if not found:
        raise SourceError(f"{folder} contains no pictures{_advice(folder)}")
    if others:
        kinds = ", ".join(
            f"{count} {kind}" for kind, count in sorted(others.items(), key=lambda item: (-item[1], item[0]))[:5]
        )
        also = f", {hidden} hidden" if hidden else ""
        more, pictures = ", ..." if len(others) > 5 else "", count_of(len(found), "picture")
        warn(f"passed over in {folder}: {kinds}{more}{also}; {pictures} found")
    return sorted(found, key=lambda path: natural_order(path.relative_to(folder).as_posix()))


def unique_names(paths: Sequence[Path]) -> list[str]:
    """Name for the results of each of ``paths``: the stem, with the suffix and the folders where others share it."""
    stems, names = (Counter(getattr(path, part) for path in paths) for part in ("stem", "name"))
    absolute = [path.absolute() for path in paths]
    shared = len(Path(os.path.commonpath([path.parent for path in absolute])).parts) if absolute else 0
    taken: set[str] = set()
    result = []
    for path, whole in zip(paths, absolute, strict=True):
        deep = "_".join(whole.parts[shared:])
        wanted = path.stem if stems[path.stem] == 1 else path.name if names[path.name] == 1 else deep
        # x.png beside x.png.png, a/b/x.jpg beside a_b/x.jpg: a result must never replace another picture's.
        numbered = (f"{deep}-{number}" for number in range(2, len(paths) + 2))
        name = next(name for name in (wanted, deep, *numbered) if name not in taken)
        taken.add(name)
        result.append(name)
    return result


def natural_order(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that compares runs of digits as numbers."""
    parts = re.split(r"(\d+)", name, flags=re.ASCII)
    return (*((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts), (2, 0, name))


def _files(folder: Path, recursive: bool, unreadable: Counter[str]) -> Iterator[Path]:
    """Files in ``folder``, or below it at any depth; subfolders that may not be read and broken links are counted.

    Links to folders are followed. No folder is read twice, so a link to one above does not lead round and round.
    """

    def note(error: OSError) -> None:
        if error.filename == str(folder):
            raise SourceError(f"cannot list {folder}: {error.strerror or error}") from error
        unreadable["folders that may not be read"] += 1

    read: set[tuple[int, int]] = set()
    _is_new(folder, read)
    for parent, folders, files in os.walk(folder, onerror=note, followlinks=recursive):
        below = (
            sorted(folders, key=lambda name: (os.path.islink(os.path.join(parent, name)), name)) if recursive else []
        )
        folders[:] = [name for name in below if not _is_hidden(Path(name)) and _is_new(Path(parent, name), read)]
        for name in files:
            path = Path(parent, name)
            if path.is_file():
                yield path
            elif path.is_symlink() and not path.exists():
                unreadable["broken links"] += 1


def _is_new(folder: Path, read: set[tuple[int, int]]) -> bool:
    """Whether ``folder`` is not among those of ``read``, (device, inode), to which it is added."""
    try:
        found = folder.stat()
    except OSError:
        return True  # the walk reports it
    key = found.st_dev, found.st_ino
    new = key not in read
    read.add(key)
    return new


def _advice(folder: Path) -> str:
    """End of a sentence: where pictures are, if they are in a subfolder, else which files are pictures."""
    with suppress(SourceError):
        for path in islice(_files(folder, True, Counter()), _LOOKED_AT):
            if path.suffix.lower() in IMAGE_SUFFIXES and not _is_hidden(path.relative_to(folder)):
                return f" itself, but {path.parent} does: give that folder, or --recursive"
    return f" ({' '.join(sorted(IMAGE_SUFFIXES))})"


def _is_hidden(name: Path) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.parts)
