"""What a program says beside its results: a line for people, or a JSON line for machines, on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Protocol


class Log(Protocol):
    """Takes one event.

    Args:
        level: ``error``, ``warning``, ``info`` (worth a line to a person) or ``state`` (of interest to machines alone).
        message: one sentence; line breaks become spaces.
        facts: what JSON can hold. People get the message alone, so it must stand by itself.
    """

    def __call__(self, level: str, message: str, **facts: object) -> None: ...


def plain(level: str, message: str, **facts: object) -> None:
    """``fastscnn-edge: warning: ...``; a ``state`` is not shown."""
    if level != "state":
        mark = "" if level == "info" else f"{level}: "
        print(f"fastscnn-edge: {mark}{_one_line(message)}", file=sys.stderr)


def as_json(level: str, message: str, **facts: object) -> None:
    """``{"time": ..., "level": ..., "message": ..., facts}``, time in UTC, ISO 8601."""
    event = {"time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"), "level": level}
    print(json.dumps({**event, "message": _one_line(message), **facts}), file=sys.stderr, flush=True)


def _one_line(message: str) -> str:
    return " ".join(message.split())


Warn = Callable[[str], None]


def warn_on_stderr(message: str) -> None:
    """One line for the person at the terminal."""
    plain("warning", message)
