"""Small text files that a user names, read whole."""

from __future__ import annotations

import os
import select
import stat
from pathlib import Path

_PIPE_WAIT = 5.0
"""Seconds within which a pipe's writer must come: a forgotten one would be waited for without end."""

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
        with open(path, "rb", opener=_without_waiting) as stream:
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


def _without_waiting(path: str, flags: int) -> int:
    """Open a file, or a pipe into which something is being written: ``<(command)`` in a shell."""
    if not hasattr(os, "O_NONBLOCK"):  # Windows: its pipes are no files that could be opened by accident
        return os.open(path, flags)
    handle = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if stat.S_ISFIFO(os.fstat(handle).st_mode) and not select.select([handle], [], [], _PIPE_WAIT)[0]:
            raise OSError(0, "it is a pipe, and nothing is written into it")
        os.set_blocking(handle, True)
    except BaseException:
        os.close(handle)
        raise
    return handle
