"""One batch of cases of one reader, in a process that may crash: ``python -m tests.fuzz.worker --help``.

Writes two lines for each case: ``start N`` before it and ``end N OUTCOME DETAIL`` after it.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sys
import traceback
import warnings
import zlib
from pathlib import Path
from typing import TextIO

import numpy as np

from tests.fuzz.reader import Reader
from tests.fuzz.registry import reader_named
from tests.fuzz.resident import forget_peak, peak_resident, resident

MOST_BYTES = 300_000_000
"""Resident memory that a case may add."""

_ENOUGH_RESIDENT = 1_000_000_000
"""Resident memory at which a process is replaced: some libraries keep a little of each model they refused."""


def case_bytes(reader: Reader, seeds: list[bytes], seed: int, case: int) -> bytes:
    """The file of a case: the same for the same numbers."""
    return reader.mutate(np.random.default_rng((seed, zlib.crc32(reader.name.encode()), case)), seeds)


def outcome(reader: Reader, path: Path) -> tuple[str, str]:
    """``accepted``, ``refused`` or ``traceback``, and what was said."""
    try:
        reader.read(path)
    except reader.errors as error:
        message = str(error)
        # The command escapes line ends, but a message should not need that.
        return ("refused" if message.strip() else "traceback"), message.replace("\n", "\\n") or "an empty message"
    except Exception as error:
        where = "; ".join(f"{Path(f.filename).name}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)[-4:])
        return "traceback", f"{type(error).__name__}: {error} [{where}]".replace("\n", "\\n")
    return "accepted", ""


def run(reader: Reader, seed: int, cases: range, folder: Path, failures: Path, report: TextIO) -> None:
    """Run ``cases``; stops early where the next one needs a fresh process."""
    own = folder / "seeds"
    own.mkdir()
    seeds = reader.seeds(own)
    work = folder / "work"
    work.mkdir()
    path = work / f"case{reader.suffix}"
    for data in seeds:  # what loading libraries takes is no case's
        path.write_bytes(data)
        result = outcome(reader, path)
        if result[0] != "accepted":
            raise SystemExit(f"{reader.name}: a valid file is {result[0]}: {result[1]}")
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    for case in cases:
        path.write_bytes(case_bytes(reader, seeds, seed, case))
        forget_peak()
        before = peak_resident()
        print("start", case, file=report, flush=True)
        kind, detail = outcome(reader, path)
        grown = peak_resident() - before
        grown = max(grown, (resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss - children) * 1024)
        if grown > MOST_BYTES:
            kind, detail = "over", f"{grown // 1_000_000} MB; {detail}"
        if kind not in ("accepted", "refused"):
            shutil.copy(path, failures / f"{reader.name}-{seed}-{case}{reader.suffix}")
        print("end", case, kind, ascii(detail)[1:-1][:300], file=report, flush=True)
        if kind == "over" or resident() > _ENOUGH_RESIDENT:
            return


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reader")
    parser.add_argument("seed", type=int)
    parser.add_argument("first", type=int)
    parser.add_argument("stop", type=int)
    parser.add_argument("folder", type=Path, help="empty, for files")
    parser.add_argument("failures", type=Path, help="for the files of cases that fail")
    options = parser.parse_args()
    # Native code prints to both streams; the report goes where it cannot.
    report = os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # until the process ends
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        run(
            reader_named(options.reader),
            options.seed,
            range(options.first, options.stop),
            options.folder,
            options.failures,
            report,
        )
    except BaseException as error:
        print("broken", ascii(f"{type(error).__name__}: {error}"), file=report, flush=True)
        traceback.print_exc(file=report)
        raise
    return 0


if __name__ == "__main__":
    sys.exit(main())
