"""Batches of cases in child processes, watched for crashes, hangs and memory."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.reader import Reader
from tests.fuzz.resident import resident

ROOT = Path(__file__).parents[2]

OUTCOMES = ("accepted", "refused", "traceback", "signal", "over", "hang")
GOOD = ("accepted", "refused")

_KILL_AT = 1_500_000_000
"""Resident bytes beyond those at the start of a case at which a child is ended before the machine suffers."""


@dataclass
class Tally:
    """Results of one reader.

    Attributes:
        counts: outcome -> cases.
        failures: one line for each case that is neither accepted nor refused.
        seconds: for all of them.
    """

    name: str
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def cases(self) -> int:
        return sum(self.counts.values())


def run_cases(
    reader: Reader, seed: int, cases: int, failures: Path, tally: Tally, progress: Callable[[], None] = lambda: None
) -> None:
    """Run ``cases`` mutations of ``reader`` and add them to ``tally``, so that Ctrl-C keeps what there is.

    Args:
        failures: folder that receives the files of failing cases.
        progress: called now and then.
    """
    failures.mkdir(parents=True, exist_ok=True)
    started, next_case = time.monotonic(), 0
    while next_case < cases:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            child = _Child(reader, seed, range(next_case, cases), Path(folder), failures)
            try:
                next_case = child.follow(tally, progress)
            finally:
                child.end()
                tally.seconds = time.monotonic() - started


class _Child:
    """A worker process and what it has reported."""

    def __init__(self, reader: Reader, seed: int, cases: range, folder: Path, failures: Path) -> None:
        self.reader, self.seed, self.folder, self.failures = reader, seed, folder, failures
        self.next = cases.start
        self.stop = cases.stop
        arguments = map(str, (reader.name, seed, cases.start, cases.stop, folder, failures.absolute()))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.worker", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self._pipe = self.process.stdout.fileno()
        self._rest = b""

    def follow(self, tally: Tally, progress: Callable[[], None]) -> int:
        """Count cases until the process ends; returns the next one to run."""
        running, since, before = -1, time.monotonic(), 0
        while True:
            lines = self._lines(0.1)
            if lines is None:
                break
            for line in lines:
                word, _, rest = line.partition(" ")
                if word == "start":
                    running, since, before = int(rest), time.monotonic(), self._resident()
                elif word == "end":
                    case, kind, detail = (*rest.split(" ", 2), "")[:3]
                    self._count(tally, int(case), kind, detail)
                    running = -1
                    since = time.monotonic()
                else:
                    raise RuntimeError(f"{self.reader.name}: {line}\n{self._all()}")
            progress()
            if running >= 0:
                if self._resident() - before > _KILL_AT:
                    return self._give_up(tally, running, "over", "ended at 1.5 GB")
                if time.monotonic() - since > self.reader.timeout:
                    return self._give_up(tally, running, "hang", f"not done after {self.reader.timeout:.0f} s")
        status = self.process.wait()
        if running >= 0:
            kind = "signal" if status < 0 else "traceback"
            name = signal.Signals(-status).name if status < 0 else f"the process ended with {status}"
            return self._give_up(tally, running, kind, name)
        if self.next < self.stop and status:
            raise RuntimeError(f"{self.reader.name}: the process ended with {status} between two cases")
        return self.next

    def end(self) -> None:
        """End the process and what it started, if it still runs."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _count(self, tally: Tally, case: int, kind: str, detail: str) -> None:
        tally.counts[kind] += 1
        if kind not in GOOD:
            tally.failures.append(f"{self.reader.name} case {case}: {kind}: {detail}")
        self.next = case + 1

    def _give_up(self, tally: Tally, case: int, kind: str, detail: str) -> int:
        path = self.folder / "work" / f"case{self.reader.suffix}"
        shutil.copy(path, self.failures / f"{self.reader.name}-{self.seed}-{case}{self.reader.suffix}")
        self._count(tally, case, kind, detail)
        return self.next

    def _lines(self, timeout: float) -> list[str] | None:
        """Lines that have arrived; None at the end."""
        if not select.select([self._pipe], [], [], timeout)[0]:
            return []
        block = os.read(self._pipe, 1 << 16)
        if not block:
            return None
        *lines, self._rest = (self._rest + block).split(b"\n")
        return [line.decode() for line in lines]

    def _all(self) -> str:
        """What a broken worker still says."""
        text = ""
        while (lines := self._lines(5)) is not None:
            text += "\n".join(lines)
        return text

    def _resident(self) -> int:
        return resident(self.process.pid)
