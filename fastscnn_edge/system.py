"""What systems other than Linux lack, in one place: laptops with macOS or Windows export, evaluate and run pictures.

Cameras by V4L2, sensors, memory figures and the measuring of a board are Linux's alone; they are "unknown" elsewhere.
"""

from __future__ import annotations

import os
import signal

STOP_SIGNALS: tuple[signal.Signals, ...] = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Signals that ask to stop: Ctrl-C, the end of a service, and of the terminal's session (not on Windows)."""

HANGUP: signal.Signals | None = getattr(signal, "SIGHUP", None)

OPEN_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""Flags for opening what should be a regular file: no link, no waiting for a pipe, no translation of line ends."""

RENAMES_OPEN_FILES = os.name != "nt"
"""Whether a file can be renamed while it is open."""


def usable_cpus() -> int:
    """Number of CPUs this process may use; unlike ``os.cpu_count``, affinity and cpusets count where there are such."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def lock_file(handle: int, wait: bool = False) -> bool | None:
    """Lock an open file for this process; False if another one holds it, None if the system has no such locks."""
    try:
        import fcntl
    except ImportError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def flush_to_disk(handle: int) -> None:
    """Flush an open file's content to its disk."""
    if hasattr(os, "fdatasync"):
        os.fdatasync(handle)
    else:
        os.fsync(handle)


def write_at(handle: int, data: bytes | memoryview, offset: int) -> int:
    """Write at a position of an open file; returns the number of bytes written."""
    if hasattr(os, "pwrite"):
        return os.pwrite(handle, data, offset)
    os.lseek(handle, offset, os.SEEK_SET)
    return os.write(handle, data)
