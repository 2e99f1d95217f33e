"""Capture of what C++ libraries print to file descriptor 2, bypassing Python's sys.stderr."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_OURS = ("fastscnn-edge:", "{")
"""How lines of :mod:`.log` begin."""


@contextmanager
def captured_stderr() -> Iterator[list[str]]:
    """Collect lines written to descriptor 2 in the body; the list is filled when the body ends.

    Other threads write to the same descriptor, so callers keep the body short and print what they do not recognize.
    If the descriptor cannot be replaced (closed, no temporary folder) the body simply runs.
    """
    lines: list[str] = []
    try:
        sys.stderr.flush()
        saved = os.dup(2)
    except (OSError, ValueError, AttributeError):  # closed, or sys.stderr is None
        yield lines
        return
    try:
        spool = tempfile.TemporaryFile()  # noqa: SIM115  # closed below, after descriptor 2 is restored
    except OSError:
        os.close(saved)
        yield lines
        return
    try:
        os.dup2(spool.fileno(), 2)
        yield lines
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        spool.seek(0)
        lines += spool.read().decode(errors="replace").splitlines()
        spool.close()


@contextmanager
def without_libtiffs_lines(format_: str | None) -> Iterator[None]:
    """Drop what libtiff prints while Pillow decodes a TIFF in the body; the exception says the same.

    Args:
        format_: Pillow's name of the picture's format; nothing is done for others.
    """
    if format_ != "TIFF":
        yield
        return
    lines: list[str] = []
    try:
        with captured_stderr() as lines:
            yield
    finally:
        for line in lines:
            if line.startswith(_OURS):  # another thread's
                print(line, file=sys.stderr)
