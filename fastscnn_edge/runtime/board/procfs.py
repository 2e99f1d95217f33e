"""Reading the small text files of /proc and /sys."""

from __future__ import annotations

from pathlib import Path


def read_text(path: Path) -> str | None:
    """Stripped text of ``path``, or None if this kernel lacks it, does not permit reading it, or the sensor fails.

    No fact about the board is worth the run that asks for it, so every OSError counts as unknown.
    """
    try:
        return path.read_bytes().decode(errors="replace").strip("\0 \n\t") or None
    except OSError:
        return None


def listing(folder: Path, pattern: str) -> list[Path]:
    """Sorted paths in ``folder`` that match ``pattern``; empty if it cannot be read."""
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


def read_int(path: Path) -> int | None:
    """Integer in ``path``, or None if there is none."""
    text = read_text(path)
    try:
        return int(text) if text else None
    except ValueError:
        return None
