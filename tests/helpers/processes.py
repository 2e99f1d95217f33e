"""Things that need a process of their own: peaks of memory, and limits to it."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_CGROUPS = Path("/sys/fs/cgroup")


def peak_of_call(function: Callable[..., Any], *arguments: Any) -> Any:
    """The JSON result of ``function(*arguments)`` in a new Python."""
    program = (
        f"import json; from {function.__module__} import {function.__name__} as f; "
        f"print(json.dumps(f(*json.loads({json.dumps(json.dumps(arguments))}))))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@contextmanager
def memory_group(limit: int) -> Iterator[Path | None]:
    """A control group that may hold ``limit`` bytes and never swaps; None where none can be made (not root)."""
    name = f"fastscnn_edge_test_{os.getpid()}"
    for parent, knob in ((_CGROUPS / "memory", "memory.limit_in_bytes"), (_CGROUPS, "memory.max")):
        group = parent / name
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / knob).write_text(str(limit))
        except OSError:
            group.rmdir()
            continue
        try:
            yield group
        finally:
            group.rmdir()
        return
    yield None


def run_limited(command: list[str], limit: int, group: Path | None) -> subprocess.CompletedProcess[str]:
    """Run ``command`` inside ``group``, or without one with ``limit`` bytes of heap (RLIMIT_DATA).

    RLIMIT_DATA counts writable private memory that is only reserved as well, such as stacks of threads, so it is
    stricter in one way, and does not count mapped files and libraries, so it is milder in another.
    """

    def enter() -> None:
        if group is not None:
            (group / "cgroup.procs").write_text("0")
        else:
            resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))

    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, preexec_fn=enter, env=environment
    )
