"""Memory of this process and of the board, as the kernel counts it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .procfs import read_text

_PROC = Path("/proc")


@dataclass(frozen=True)
class Memory:
    """Memory in bytes at one moment; None where the kernel does not say.

    Attributes:
        rss: resident now.
        peak_rss: largest resident size so far (VmHWM). The kernel keeps it, so nothing polls. ``ru_maxrss`` would
            include the program that ran in this process before exec.
        pss: resident, with shared pages divided among the processes that share them.
        available: what the system could still provide without swapping.
    """

    rss: int | None
    peak_rss: int | None
    pss: int | None
    available: int | None


def read_memory(proc: Path = _PROC, process: str = "self") -> Memory:
    """Read the memory of this process, or of the process with the id ``process``."""
    status = _fields(proc / process / "status")
    rollup = _fields(proc / process / "smaps_rollup")
    return Memory(
        rss=status.get("VmRSS"),
        peak_rss=status.get("VmHWM"),
        pss=rollup.get("Pss"),
        available=_fields(proc / "meminfo").get("MemAvailable"),
    )


def total_memory(proc: Path = _PROC) -> int | None:
    """Total memory of the board in bytes."""
    return _fields(proc / "meminfo").get("MemTotal")


def _fields(path: Path) -> dict[str, int]:
    """Parse lines ``Name:   123 kB`` into name -> bytes."""
    fields = {}
    for line in (read_text(path) or "").splitlines():
        words = line.split()
        if len(words) == 3 and words[2] == "kB":
            fields[words[0].rstrip(":")] = int(words[1]) * 1024
    return fields
