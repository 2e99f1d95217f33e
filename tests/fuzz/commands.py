"""The same readers behind the real command: one line, exit status 2, no traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fastscnn_edge.errors import UsageError
from tests.fuzz.reader import Reader

_GOOD = (0, 1)
"""Exit statuses of a command that did its work; ``compare`` ends with 1 where something is slower."""

_ROOT = Path(__file__).parents[2]


class CommandReader(Reader):
    """``fastscnn-edge`` with the files of another reader.

    ``line``: the command's arguments; ``{file}`` is the mutated file, ``{folder}`` a folder for results, ``{good}`` a
    valid file.
    """

    share, timeout = 0.005, 120.0

    def __init__(self, reader: Reader, line: str) -> None:
        self._reader, self._words = reader, line.split()
        self.name, self.suffix = f"{reader.name}:{self._words[0]}", reader.suffix

    def seeds(self, folder: Path) -> list[bytes]:
        return self._reader.seeds(folder)

    def mutate(self, rng: np.random.Generator, seeds: Sequence[bytes]) -> bytes:
        return self._reader.mutate(rng, seeds)

    def read(self, path: Path) -> None:
        good = path.parent / f"good{self.suffix}"
        if not good.exists():
            good.write_bytes(path.read_bytes())  # the first file is a valid one
        places = {"file": path, "folder": path.parent / "out", "good": good}
        arguments = [word.format(**places) for word in self._words]
        done = subprocess.run(
            [sys.executable, "-m", "fastscnn_edge", *arguments], capture_output=True, check=False, cwd=_ROOT
        )
        said = done.stderr.decode(errors="replace")
        if done.returncode < 0:
            os.kill(os.getpid(), signal.Signals(-done.returncode))
        assert "Traceback" not in said and "this is a bug" not in said, said
        if done.returncode in _GOOD:
            return
        # Our own warnings, such as of a file with several pages, may stand before the error.
        lines = [line for line in said.splitlines() if not line.startswith("fastscnn-edge: warning: ")]
        assert done.returncode == 2 and lines, f"exit status {done.returncode}: {said}"
        assert len(lines) == 1 and ": error: " in lines[0], f"{len(lines)} lines: {said}"
        raise UsageError(lines[0])
