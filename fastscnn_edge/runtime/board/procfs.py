"""Reading the small text files of /proc and /sys."""

from __future__ import annotations

import errno
from pathlib import Path

_ABSENT = frozenset(
    {
        errno.ENOENT,
        errno.ENOTDIR,
        errno.ENODEV,
        errno.ENXIO,
        errno.ENODATA,
        errno.EACCES,
        errno.EPERM,
        errno.EINVAL,  # a sensor that is switched off
        errno.EAGAIN,
        errno.EOPNOTSUPP,
    }
)


def read_text(path: Path) -> str | None:
    """Stripped text of ``path``, or None if this kernel lacks it or does not permit reading it."""
    try:
        return path.read_bytes().decode(errors="replace").strip("\0 \n\t") or None
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise


def read_int(path: Path) -> int | None:
    """Integer in ``path``, or None if there is none."""
    text = read_text(path)
    try:
        return int(text) if text else None
    except ValueError:
        return None
