"""Results of a comparison as plain data, to JSON and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fastscnn_edge.errors import UsageError
from fastscnn_edge.files import write_text

SCHEMA = "fastscnn_edge.comparison/1"


@dataclass(frozen=True)
class Measurement:
    """One contestant in one case.

    Attributes:
        versions: packages and their versions.
        times: nanoseconds a frame, one list a round; empty if it did not run.
        peak: highest resident size of its process in bytes.
        agreement: share of pixels with the class of the float model in PyTorch.
        miou: that on the val split, None without one.
        problem: why it did not run.
    """

    name: str
    precision: str
    ours: bool
    what: str
    versions: str
    times: Sequence[Sequence[int]] = ()
    peak: int = 0
    agreement: float = 0.0
    miou: float | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Case:
    """All contestants at one size (height, width) with one number of threads."""

    size: tuple[int, int]
    threads: int
    rows: Sequence[Measurement]

    @property
    def title(self) -> str:
        return f"{self.size[0]}x{self.size[1]}, {self.threads} thread{'s' * (self.threads > 1)}"

    def row(self, name: str) -> Measurement | None:
        """The row of that name, None if it is missing or did not run."""
        return next((row for row in self.rows if row.name == name and row.times), None)


@dataclass(frozen=True)
class BenchmarkComparison:
    """All measurements of one command; ``about`` has the machine, the weights and the images."""

    about: dict[str, Any]
    cases: Sequence[Case]


def save(comparison: BenchmarkComparison, path: Path) -> None:
    """Write JSON, atomically."""
    write_text(path, json.dumps({"schema": SCHEMA, **asdict(comparison)}, separators=(",", ":")) + "\n")


def load(path: Path) -> BenchmarkComparison:
    """Read what :func:`save` wrote.

    Raises:
        UsageError: the file is missing or something else.
    """
    try:
        raw = json.loads(path.read_text())
        if raw["schema"] != SCHEMA:
            raise UsageError(f"{path} has schema {raw['schema']}, not {SCHEMA}")
        cases = [Case(tuple(c["size"]), c["threads"], [Measurement(**row) for row in c["rows"]]) for c in raw["cases"]]
        return BenchmarkComparison(raw["about"], cases)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is not a result of benchmarks.compare") from error
