"""Samples a process and its board from another process, so that sampling takes no time from the measured one.

The parent starts ``python -m fastscnn_edge.runtime.board.watcher`` with :class:`Watcher` and closes its standard input
when everything is done; the watcher then answers with all its samples as one line of JSON. It imports neither numpy
nor an engine, runs at the lowest priority (nice), and reports how much processor time it took itself. If the parent
dies, the pipe breaks and the watcher exits.
"""

from __future__ import annotations

import json
import os
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
"""Seconds between two memory samples."""

STATE_EVERY = 4
"""Memory samples per board sample: asking a Raspberry Pi's firmware starts a program, so boards are sampled less."""

_NICE = 10
_ANSWER_SECONDS = 10.0


@dataclass(frozen=True)
class WatchLog:
    """The watcher's samples.

    Attributes:
        interval: seconds between two memory samples.
        cpu_seconds: processor time of the watcher and the programs it started.
        seconds: time of each memory sample, since the run began.
        memory: the memory samples, one per entry of ``seconds``.
        states: board states, fewer of them.
    """

    interval: float
    cpu_seconds: float
    seconds: tuple[float, ...]
    memory: tuple[Memory, ...]
    states: tuple[BoardState, ...]

    def peak(self, name: str) -> int | None:
        """Largest ``rss``, ``peak_rss`` or ``pss`` of all samples, None if none is known."""
        return max((value for m in self.memory if (value := getattr(m, name)) is not None), default=None)

    def lowest_available(self) -> int | None:
        """Smallest amount of available memory in bytes, None if unknown."""
        return min((m.available for m in self.memory if m.available is not None), default=None)


class Watcher:
    """``with Watcher(began) as watcher: ...`` watches this process; ``watcher.log`` holds the samples afterwards.

    ``log`` stays None if no watcher could be started or it did not answer: the measurement does not depend on it.

    Args:
        began: ``time.monotonic()`` at the start of the run; all processes share that clock.
        interval: seconds between two memory samples.
        root: folder that holds the board's /proc and /sys.
    """

    def __init__(self, began: float, interval: float = MEMORY_INTERVAL, root: Path = Path("/")) -> None:
        self.log: WatchLog | None = None
        self._words = [str(os.getpid()), repr(began), repr(interval), str(root)]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Watcher:
        command = [sys.executable, "-m", __name__, *self._words]
        try:
            # A session of its own: Ctrl-C at the terminal ends the parent's run, and the watcher must outlive it.
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
        """Stop and return the samples, None if the watcher process died. A second call changes nothing."""
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
    """Sample ``process`` until standard input closes."""
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
    import resource  # not on Windows, where nothing is watched

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
    """Entry point: ``watcher PROCESS BEGAN INTERVAL ROOT``, see the module."""
    os.nice(_NICE)
    print(json.dumps(watch(int(argv[0]), float(argv[1]), float(argv[2]), Path(argv[3]))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
