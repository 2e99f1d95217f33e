"""argparse types: numbers, sizes, amounts of memory, addresses."""

from __future__ import annotations

import argparse
import re


def size(text: str) -> tuple[int, int]:
    """argparse type for HEIGHTxWIDTH in pixels."""
    try:
        height, width = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not HEIGHTxWIDTH, for example 360x480") from None
    if not (32 <= height <= 8192 and 32 <= width <= 8192):
        raise argparse.ArgumentTypeError(f"'{text}' is outside 32..8192 pixels a side")
    return height, width


def positive(text: str) -> int:
    """argparse type for an integer of at least 1."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not an integer of at least 1")
    return value


_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def memory_amount(text: str) -> int:
    """argparse type for an amount of memory in bytes: ``128M``, ``0.5G``."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    value = int(float(match[1]) * _UNITS[match[2].upper()]) if match else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not an amount of memory, for example 128M")
    return value
