"""The page's threads share the C library's memory."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Each thread allocates while all others hold what they have, so none can borrow another's arena.
THREADS = """
import ctypes, sys, threading
from fastscnn_edge.runtime.web.arenas import limit_arenas
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
if sys.argv[1] == "limited":
    limit_arenas()
together = threading.Barrier(8)
def work():
    together.wait()
    libc.malloc(100_000)
    together.wait()
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc.fdopen.restype = ctypes.c_void_p
stream = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, stream)
libc.fflush(stream)
"""


def arenas(kind: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", THREADS, kind], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode:
        pytest.skip("this C library does not say how many arenas it has")
    return done.stdout.count("<heap nr=")


def test_threads_share_two_arenas() -> None:
    assert arenas("free") > 2, "nothing to limit"
    assert arenas("limited") <= 2
