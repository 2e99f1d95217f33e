"""Small text files that a user names, read whole."""

from __future__ import annotations

from pathlib import Path

MAX_TEXT = 1 << 20
"""Bytes of the largest text file that is read whole: lists, addresses and descriptions are far smaller."""


def read_text(path: str | Path, limit: int = MAX_TEXT) -> str:
    """Content of a UTF-8 text file of at most ``limit`` bytes.

    Raises:
        ValueError: it cannot be read, is not text or is larger; the message continues a sentence that begins with the
            path.
    """
    try:
        # A device such as /dev/zero has no end.
        with open(path, "rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # a NUL in the name
        raise ValueError(f"cannot be read: {error}") from error
    if len(data) > limit:
        raise ValueError(f"is not such a file: it has more than {limit >> 10} KiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8 text (byte {error.start})") from error
