"""``python -m tests.fuzz``: mutations of small valid files against every reader, as a Markdown table."""

from __future__ import annotations

import argparse
import re
import sys
import time
from pathlib import Path

from tests.fuzz.campaign import GOOD, OUTCOMES, Tally, run_cases
from tests.fuzz.registry import READERS
from tests.fuzz.worker import outcome

_HEADINGS = ("reader", "cases", "accepted", "refused in one line", "traceback", "signal", "over 300 MB", "hang")


def table(tallies: list[Tally]) -> str:
    """Markdown, one row a reader."""
    rows = [[t.name, str(t.cases), *(str(t.counts[kind]) for kind in OUTCOMES)] for t in tallies]
    lines = [_HEADINGS, ["---"] + ["---:"] * (len(_HEADINGS) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def alike(failures: list[str]) -> list[str]:
    """The first of the failures that differ in nothing but numbers, and how many there are."""
    groups: dict[str, list[str]] = {}
    for line in failures:
        groups.setdefault(re.sub(r"\d+", "#", line), []).append(line)
    return [f"{len(lines)} x {lines[0]}" for lines in groups.values()]


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns 1 if a case failed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz",
        description="Read mutations of small valid files by every reader of the project, in child processes. Prints a "
        "Markdown table; each case must be accepted or refused in one line. Ctrl-C prints what was measured.",
    )
    parser.add_argument(
        "--cases", type=int, default=1000, help="of each reader; slow ones take a share (default: 1000)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader", action="append", choices=list(READERS), metavar="NAME", help=", ".join(READERS))
    parser.add_argument("--out", type=Path, default=Path("build/fuzz"), help="folder for files that fail (build/fuzz)")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="read this file by --reader in this process")
    options = parser.parse_args(argv)
    if options.replay:
        if not options.reader:
            parser.error("--replay needs --reader")
        for name in options.reader:
            print(name, *outcome(READERS[name], options.replay))
        return 0
    tallies: list[Tally] = []
    try:
        for name in options.reader or READERS:
            reader, tally = READERS[name], Tally(name)
            tallies.append(tally)
            cases = max(1, round(options.cases * reader.share))
            try:
                run_cases(reader, options.seed, cases, options.out, tally, _Progress(tally, cases))
            finally:
                print(f"\r{name}: {tally.cases} cases in {tally.seconds:.0f} s" + " " * 20, file=sys.stderr)
                print(*alike(tally.failures), sep="\n", end="\n" if tally.failures else "", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        print("\ninterrupted: the table holds what was done until then", file=sys.stderr)
    print(table(tallies))
    failed = any(tally.counts[kind] for tally in tallies for kind in OUTCOMES if kind not in GOOD)
    if failed:
        print(f"files of failing cases: {options.out}", file=sys.stderr)
    return 1 if failed else 0


class _Progress:
    """A line on stderr, at most twice a second."""

    def __init__(self, tally: Tally, cases: int) -> None:
        self._tally, self._cases, self._due = tally, cases, 0.0

    def __call__(self) -> None:
        now = time.monotonic()
        if now < self._due or not sys.stderr.isatty():
            return
        self._due = now + 0.5
        failed = sum(self._tally.counts[kind] for kind in OUTCOMES if kind not in GOOD)
        print(f"\r{self._tally.name}: {self._tally.cases} of {self._cases}, {failed} failed", end="", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
