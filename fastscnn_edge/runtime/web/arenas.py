"""Bound on the memory that the C library keeps for the threads of the page's connections."""

from __future__ import annotations

import ctypes

_M_ARENA_MAX = -8
"""From glibc's malloc.h."""

_ARENAS = 2


def limit_arenas() -> None:
    """Let all threads that are started from now on share two of glibc's arenas.

    By default glibc gives threads up to eight arenas per processor, and each keeps what an encoded picture took: with a
    thread per connection tens of mebibytes, a few at a time (decision 0062). Other C libraries have no such arenas.
    """
    try:
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
    except (AttributeError, OSError):
        return
