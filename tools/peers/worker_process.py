"""A :mod:`.worker` in another process, seen from this side."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from .engines.common import FrameFormat
from .process import NotRunError, last_line, module_variables

_POLL_SECONDS, _PATIENCE_SECONDS = 0.02, 2.0

_AT_REST = 1_000_000
"""Nanoseconds of processor time between two polls below which a process is at rest."""


class WorkerProcess:
    """An engine that has loaded its model and waits for requests; killed on closing.

    Args:
        python: of the engine's environment.
        engine: a module of :mod:`tools.peers.engines`.
        model: the file it loads.
        log: receives what the engine prints.

    Raises:
        NotRunError: it does not start; the message is its last line.
    """

    def __init__(
        self, python: Path, engine: str, model: Path, threads: int, frame_format: FrameFormat, log: Path
    ) -> None:
        self._log = log
        settings = json.dumps({"threads": threads, "frame_format": frame_format})
        with log.open("wb") as stream:
            self._process = subprocess.Popen(
                [str(python), "-m", "tools.peers.worker", engine, str(model), settings],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
                env={**module_variables(python), "OMP_NUM_THREADS": str(threads)},
                cwd=log.parent,
            )
        try:
            self._answer()
        except NotRunError:
            self.close()
            raise

    def ask(self, **request: Any) -> dict[str, Any]:
        """The answer to one request; see :mod:`tools.peers.worker`.

        Raises:
            NotRunError: the process has died.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # the missing answer is reported below
        return self._answer()

    def settle(self) -> None:
        """Wait until its threads sleep: pools spin for a while after work, on the processors of whoever is next."""
        deadline, worked = time.monotonic() + _PATIENCE_SECONDS, self._worked()
        while time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
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
            raise NotRunError(last_line(self._log) or f"ended with status {self._process.returncode}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """Kill the process and close its pipes."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
