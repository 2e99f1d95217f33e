"""Log of a program on standard error: plain lines for people or JSON lines for programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timezone
from typing import Protocol

from .text import printable


class Log(Protocol):
    """Callable that logs one event.

    Args:
        level: ``error``, ``warning``, ``info`` (for people) or ``state`` (only for programs).
        message: one sentence; line breaks become spaces.
        facts: further data that JSON can represent. Plain lines show only the message, so it must stand by itself.
    """

    def __call__(self, level: str, message: str, **facts: object) -> None: ...


def plain(level: str, message: str, **facts: object) -> None:
    """Log as ``fastscnn-edge: warning: ...``; a ``state`` is not shown."""
    if level != "state":
        mark = "" if level == "info" else f"{level}: "
        _write(f"fastscnn-edge: {mark}{printable(message)}")


def as_json(level: str, message: str, **facts: object) -> None:
    """Log as ``{"time": ..., "level": ..., "message": ..., facts}``, time in UTC, ISO 8601."""
    event = {"time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"), "level": level}
    _write(json.dumps({**event, "message": printable(message), **facts}))


def is_terminal() -> bool:
    """Whether standard error is a terminal, where a progress line can be overwritten."""
    return sys.stderr is not None and sys.stderr.isatty()


def leave_lost_terminal() -> None:
    """Send standard output and error nowhere where their terminal is gone: writing to it would fail, and end the work.

    To be called after SIGHUP.
    """
    for handle in (1, 2):
        try:
            os.write(handle, b"")  # fails on a terminal that hung up; does nothing elsewhere
        except OSError:
            with suppress(OSError):
                nothing = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nothing, handle)
                os.close(nothing)


def _write(line: str) -> None:
    """Print to standard error; if it is closed or full, the line is lost."""
    with suppress(OSError, ValueError):
        if sys.stderr is not None:
            print(line, file=sys.stderr, flush=True)


Warn = Callable[[str], None]


def warn_on_stderr(message: str) -> None:
    """Log a warning as one plain line."""
    plain("warning", message)


def silent(_message: str) -> None:
    """Drop a warning."""
