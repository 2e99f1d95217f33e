"""A contestant's process, from this side."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from .environments import NotRunError

ROOT = Path(__file__).resolve().parent.parent

_LOOK_EVERY, _AT_REST, _PATIENCE = 0.02, 1_000_000, 2.0
"""Seconds; nanoseconds of processor time between two looks below which a process rests; seconds."""


class Process:
    """Started, loaded, and waiting for requests; killed at the end.

    Args:
        python: of the contestant's environment.
        engine, model: as :class:`benchmarks.contestants.Contestant` has them.
        facts: ``threads`` and ``picture``, see :mod:`benchmarks.worker`.
        log: receives what the engine prints.

    Raises:
        NotRunError: it does not start; the message has its last line.
    """

    def __init__(self, python: Path, engine: str, model: Path, facts: dict[str, Any], log: Path) -> None:
        self._log = log
        variables = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(facts["threads"])}
        with log.open("wb") as stream:
            self._process = subprocess.Popen(
                [str(python), "-m", "benchmarks.worker", engine, str(model), json.dumps(facts)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
                env=variables,
                cwd=log.parent,
            )
        try:
            self._answer()
        except NotRunError:
            self.close()
            raise

    def ask(self, **request: Any) -> dict[str, Any]:
        """One request, its answer.

        Raises:
            NotRunError: the process has died.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # the answer says why
        return self._answer()

    def settle(self) -> None:
        """Wait until its threads sleep: pools spin for a while after work, on the processors of whoever is next."""
        deadline, worked = time.monotonic() + _PATIENCE, self._worked()
        while time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY)
            before, worked = worked, self._worked()
            if worked - before < _AT_REST:
                return

    def _worked(self) -> int:
        """Nanoseconds of processor time that all its threads have had."""
        total = 0
        for path in Path(f"/proc/{self._process.pid}/task").glob("*/schedstat"):
            try:
                total += int(path.read_text().split()[0])
            except OSError:  # a thread that just ended
                continue
        return total

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            lines = [text.strip() for text in self._log.read_text(errors="replace").splitlines() if text.strip()]
            raise NotRunError(lines[-1] if lines else f"ended with status {self._process.returncode}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
