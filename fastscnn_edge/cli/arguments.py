"""argparse types for numbers, sizes, amounts of memory, addresses and versions; errors show a correct example."""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

MAX_THREADS = 64

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def number(low: float, high: float, unit: str = "number") -> Callable[[str], float]:
    """argparse type for a number from ``low`` to ``high``; ``unit`` names it, for example ``number of seconds``."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"'{text}' is not a {unit}, {low:g} to {high:g}")
        return value

    return parse


def integer(low: int, high: int | None = None, what: str = "integer") -> Callable[[str], int]:
    """argparse type for an integer of at least ``low`` and, if given, at most ``high``."""
    extent = f"of at least {low}" if high is None else f"from {low} to {high}"

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if value < low or (high is not None and value > high):
            raise argparse.ArgumentTypeError(f"'{text}' is not an {what} {extent}")
        return value

    return parse


positive = integer(1)

threads = integer(1, MAX_THREADS)

seed = integer(0, 2**32 - 1)


def workers(text: str) -> int:
    """argparse type for a number of worker processes, 0 to four per CPU."""
    return integer(0, (os.cpu_count() or 1) * 4)(text)


def size(text: str) -> tuple[int, int]:
    """argparse type for a network's input size, HEIGHTxWIDTH in pixels."""
    try:
        height, width = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not HEIGHTxWIDTH, for example 360x480") from None
    if not (32 <= height <= 8192 and 32 <= width <= 8192):
        raise argparse.ArgumentTypeError(f"'{text}' is outside 32..8192 pixels a side")
    return height, width


def camera_size(text: str) -> tuple[int, int]:
    """argparse type for a camera's frame size, WIDTHxHEIGHT in pixels, as in cameras' data sheets."""
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and 16 <= int(width) <= 8192 and 16 <= int(height) <= 8192):
        raise argparse.ArgumentTypeError(f"'{text}' is not WIDTHxHEIGHT, for example 640x480")
    return int(width), int(height)


def memory_amount(text: str, minimum: int = 1) -> int:
    """argparse type for an amount of memory in bytes: ``128M``, ``0.5G``."""
    match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,15})?)\s*([KMG]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    value = int(float(match[1]) * _UNITS[match[2].upper()]) if match else 0
    if value < minimum:
        bound = f" of at least {minimum >> 20}M" if minimum > 1 else ""
        raise argparse.ArgumentTypeError(f"'{text}' is not an amount of memory{bound}, for example 128M or 8G")
    return value


def board_memory(text: str) -> int:
    """argparse type for a board's whole memory in bytes, at least 256 MiB."""
    return memory_amount(text, minimum=256 << 20)


def version_number(text: str) -> tuple[int, ...]:
    """argparse type for a version such as 10.3 or 8.5.2."""
    if not re.fullmatch(r"\d{1,9}\.\d{1,9}(\.\d{1,9})*", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a version, for example 10.3 or 8.5.2")
    return tuple(map(int, text.split(".")))


def file_path(text: str) -> Path:
    """argparse type for a path. An empty one is refused: it would silently mean the current folder."""
    if not text or "\0" in text:
        raise argparse.ArgumentTypeError(f"'{text}' is not a path")
    return Path(text)


def parsed_by(parse: Callable[[str], T]) -> Callable[[str], T]:
    """argparse type from a parser whose ValueError has a sentence for the user."""

    def parse_argument(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse_argument
