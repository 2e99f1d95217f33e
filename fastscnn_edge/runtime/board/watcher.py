"""Looks at a process and its board from another process, so that the looking takes no time from what is measured.

The parent starts ``python -m fastscnn_edge.runtime.board.watcher`` with :class:`Watcher` and closes its standard input
when everything is done; the watcher then answers with everything it saw as one line of JSON. It imports neither numpy
nor an engine, runs at the lowest priority (nice), and reports how much processor time it took itself. When the parent
dies, the pipe breaks and the watcher exits.
"""

from __future__ import annotations

import json
import os
import resource
import select
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from .board import BoardState, read_state
from .memory import Memory, read_memory

MEMORY_INTERVAL = 0.5
"""Seconds between two looks at the memory."""

STATE_EVERY = 4
"""One look at the board for so many at the memory: asking a Raspberry Pi's firmware starts a program."""

_NICE = 10
_ANSWER_SECONDS = 10.0


@dataclass(frozen=True)
class WatchLog:
    """What the watcher saw.

    Attributes:
        interval: seconds between two looks at the memory.
        cpu_seconds: processor time the watcher took for itself and the programs it asked.
        seconds: of each look at the memory, since the run began.
        memory: what it saw then.
        states: of the board, fewer.
    """

    interval: float
    cpu_seconds: float
    seconds: tuple[float, ...]
    memory: tuple[Memory, ...]
    states: tuple[BoardState, ...]

    def peak(self, name: str) -> int | None:
        """The largest ``rss``, ``peak_rss`` or ``pss`` of all looks, None where none is known."""
        return max((value for m in self.memory if (value := getattr(m, name)) is not None), default=None)

    def lowest_available(self) -> int | None:
        """The least memory that the system had to give."""
        return min((m.available for m in self.memory if m.available is not None), default=None)


class Watcher:
    """``with Watcher(began) as watcher: ...`` watches this process; ``watcher.log`` is there afterwards.

    ``log`` stays None where no watcher could be started or none answered: the measurement does not depend on it.

    Args:
        began: ``time.monotonic()`` of the run's beginning; all processes share that clock.
        interval: seconds between two looks at the memory.
        root: where the board's /proc and /sys are looked for.
    """

    def __init__(self, began: float, interval: float = MEMORY_INTERVAL, root: Path = Path("/")) -> None:
        self.log: WatchLog | None = None
        self._words = [str(os.getpid()), repr(began), repr(interval), str(root)]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Watcher:
        command = [sys.executable, "-m", __name__, *self._words]
        try:
            # A session of its own: Ctrl-C at the terminal asks the parent to finish, and the watcher must see that.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            self._process = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()

    def finish(self) -> WatchLog | None:
        """End the watching; returns what was seen, None if the watcher process died. A second call changes nothing."""
        if self._process is not None:
            process, self._process = self._process, None
            try:
                answer, _ = process.communicate(timeout=_ANSWER_SECONDS)
                self.log = _decode(json.loads(answer))
            except (subprocess.TimeoutExpired, ValueError, KeyError, TypeError):
                process.kill()
                process.wait()
        return self.log


def watch(process: int, began: float, interval: float, root: Path) -> dict[str, Any]:
    """Look at ``process`` until standard input closes."""
    seconds: list[float] = []
    memory: list[dict[str, int | None]] = []
    states: list[dict[str, Any]] = []
    due = time.monotonic()
    while True:
        seen = read_memory(root / "proc", process=str(process))
        if seen.rss is None:  # the process has just ended
            break
        seconds.append(round(time.monotonic() - began, 3))
        memory.append(asdict(seen))
        if len(memory) % STATE_EVERY == 1:
            states.append(asdict(read_state(began, root)))
        due += interval
        if (late := time.monotonic() - due) > 0:
            due += late  # skip missed samples
        if select.select([sys.stdin], [], [], max(0.0, due - time.monotonic()))[0]:
            break
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    spent = round(sum(usage.ru_utime + usage.ru_stime for usage in used), 3)
    return {"interval": interval, "cpu_seconds": spent, "seconds": seconds, "memory": memory, "states": states}


def _decode(raw: dict[str, Any]) -> WatchLog:
    states = [
        BoardState(**{**s, "governors": tuple(s["governors"]), "frequencies": tuple(s["frequencies"])})
        for s in raw["states"]
    ]
    return WatchLog(
        raw["interval"],
        raw["cpu_seconds"],
        tuple(raw["seconds"]),
        tuple(Memory(**m) for m in raw["memory"]),
        tuple(states),
    )


def main(argv: list[str]) -> int:
    """``watcher PROCESS BEGAN INTERVAL ROOT``: see the module."""
    os.nice(_NICE)
    print(json.dumps(watch(int(argv[0]), float(argv[1]), float(argv[2]), Path(argv[3]))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
