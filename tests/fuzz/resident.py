"""Resident memory of a process, in bytes."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path


def resident(process: int | str = "self") -> int:
    """Resident now; 0 of a process that has ended."""
    return _status(process, "VmRSS")


def peak_resident() -> int:
    """Largest resident size of this process since :func:`forget_peak`."""
    return _status("self", "VmHWM")


def forget_peak() -> None:
    """Begin the kernel's high-water mark anew, at the present size."""
    with suppress(OSError):  # some containers forbid it: the mark is then that of the whole batch
        Path("/proc/self/clear_refs").write_text("5")


def _status(process: int | str, name: str) -> int:
    try:
        text = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    found = re.search(rf"{name}:\s+(\d+) kB", text)
    return int(found[1]) * 1024 if found else 0
