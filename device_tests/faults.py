"""Faults at random, for an hour: does a live run lose anything, grow, or fall over?

    python device_tests/faults.py --minutes 60 --seed 1
    python device_tests/faults.py --minutes 0.5 --seed 2 --pace 0.05
    python device_tests/faults.py --minutes 600 --seed 3 --model model.tflite --markdown faults.md

Runs ``fastscnn-edge run`` on a simulated webcam with lines, table, report and page, one run after the other. A
quarter of the time is one long run, whose memory is watched; the others are short. Meanwhile the camera goes and comes
back, and viewers connect, stall or idle by the dozen. Each run ends by a fault: SIGTERM once or twice, SIGHUP, SIGINT
or SIGKILL to its process group, a full disk, the reader of its lines gone, or its camera gone for good.

Checked: the exit status; a valid report except after SIGKILL; a whole table with every frame whose line arrived, but
for the one in progress; that the next run recovers what a killed one left, and that none starts on a full disk; that
viewers are served meanwhile; no traceback; flat memory. Prints a table. Exit status 1 if anything was wrong.

The disk is a small tmpfs in a mount namespace (unshare); where that is not allowed, a limit to the size of files.
SIGKILL does not lose the system's cache, so what a power cut would leave is not seen here: tests/files/test_growing.py
tests that records are flushed once a second.
"""

from __future__ import annotations

import argparse
import random
import socket
import statistics
import sys
import tempfile
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # started by its path, from anywhere

from device_tests.fault_disk import Disk, enter_namespace
from device_tests.fault_run import ENDINGS, Run, Verdict, judge_recovery

GROWTH_LIMIT = 4 << 20
"""Bytes by which the long run may grow between its third and its last tenth."""

SETTLED_AFTER = 120.0
"""Seconds a run must have lasted for its growth to be judged: until every buffer has been used once, memory grows."""

STREAM = b"GET /stream.mjpg HTTP/1.0\r\nHost: localhost\r\n\r\n"

SHORT = (3.0, 20.0)
"""Seconds of a short run before its end."""


class Faults:
    """What happens during a run, drawn from ``draw``."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._open: list[tuple[float, list[socket.socket]]] = []
        self._timer: threading.Timer | None = None
        self._seen = 0  # frames when the camera went away

    def during(self, run: Run, seconds: float) -> None:
        """Let faults happen to ``run`` for ``seconds``."""
        self._seen = 0
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end and run.process.poll() is None:
            time.sleep(min(self.draw.uniform(0.5, 3), end - now))
            self._hang_up()
            try:
                getattr(self, self.draw.choice(["camera", "idle", "stalled", "viewer"]))(run)
            except OSError as error:
                if run.process.poll() is None:
                    self.wrong.append(f"a viewer was not served: {error}")
        self._hang_up(everything=True)
        self._camera_back(run)
        if run.process.poll() is not None:
            self.wrong.append(f"a run ended by itself: {run.errors[-1000:]}")

    def camera(self, run: Run) -> None:
        if len(run.names) < self._seen + 10:  # not back yet: twice in a row is longer than a run waits
            return
        self._seen = len(run.names)
        self.counts["camera away for up to 3 s"] += 1
        run.gone.touch()
        # A thread: connecting a hundred viewers takes its time, and so would the camera.
        self._timer = threading.Timer(self.draw.uniform(0.2, 3), run.gone.unlink, kwargs={"missing_ok": True})
        self._timer.start()

    def _camera_back(self, run: Run) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
        run.gone.unlink(missing_ok=True)

    def idle(self, run: Run) -> None:
        count = self.draw.randrange(1, 100)
        self.counts["idle connections"] += count
        self._keep(run.connect(count, self.draw.choice([b"", b"GET / HTTP/1.0\r\nHost: lo"])))

    def stalled(self, run: Run) -> None:
        self.counts["viewers that read nothing"] += 8
        self._keep(run.connect(8, STREAM, buffer=4096))

    def viewer(self, run: Run) -> None:
        self.counts["viewers served"] += 1
        run.view()

    def _keep(self, connections: list[socket.socket]) -> None:
        self._open.append((time.monotonic() + self.draw.uniform(1, 15), connections))

    def _hang_up(self, everything: bool = False) -> None:
        for due, connections in tuple(self._open):
            if everything or time.monotonic() >= due:
                self._open.remove((due, connections))
                for connection in connections:
                    with suppress(OSError):
                        connection.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(argv)
    enter_namespace()
    draw = random.Random(options.seed)
    began = time.monotonic()
    verdicts: list[Verdict] = []
    faults = Faults(draw)
    with tempfile.TemporaryDirectory() as folder, Disk(Path(folder) / "disk") as disk:
        total = 60 * options.minutes
        while not verdicts or time.monotonic() - began < total:
            seconds = draw.uniform(*SHORT) if verdicts else total / 4
            # Each ending once before any comes again.
            ending = _ending(draw, [verdict.ending for verdict in verdicts])
            try:
                run = Run(disk, Path(folder), options.pace, options.model)
            except RuntimeError as error:
                faults.wrong.append(str(error))
                break
            faults.during(run, min(seconds, max(1.0, total - (time.monotonic() - began))))
            verdict = run.end(ending)
            if verdicts:
                verdict.wrong += judge_recovery(disk, verdicts[-1], run.errors)
            if ending == "disk full" and disk.real:
                verdict.wrong += run.start_on_full_disk()
            verdicts.append(verdict)
            disk.free()
            _progress(verdict)
    if not verdicts:
        print(*faults.wrong, sep="\n", file=sys.stderr)
        return 1
    text = to_markdown(verdicts, faults, str(disk), options.seed, time.monotonic() - began)
    print(text)
    if options.markdown:
        options.markdown.write_text(text + "\n")
    return 1 if faults.wrong or any(verdict.wrong for verdict in verdicts) or grew(verdicts) else 0


def _ending(draw: random.Random, before: list[str]) -> str:
    if not before:
        return "SIGTERM"  # of the long run
    counts = Counter(before)
    least = min(counts[ending] for ending in ENDINGS)
    return draw.choice([ending for ending in ENDINGS if counts[ending] == least])


def _progress(verdict: Verdict) -> None:
    print(
        f"{verdict.ending}: {verdict.seconds:.0f} s, {verdict.frames} frames, {verdict.rows} rows"
        + "".join(f"\n  wrong: {sentence}" for sentence in verdict.wrong),
        file=sys.stderr,
        flush=True,
    )


def grew(verdicts: Sequence[Verdict]) -> bool:
    """Whether memory grew beyond the limit in a run long enough to tell."""
    return max(verdict.seconds for verdict in verdicts) >= SETTLED_AFTER and growth(verdicts) >= GROWTH_LIMIT


def growth(verdicts: Sequence[Verdict]) -> int:
    """Growth in bytes of the longest run from its third to its last tenth, by their medians."""
    sizes = [size for _, size in max(verdicts, key=lambda verdict: len(verdict.rss)).rss]
    tenth = max(1, len(sizes) // 10)
    settled = statistics.median(sizes[2 * tenth : 3 * tenth] or sizes)
    return int(statistics.median(sizes[-tenth:]) - settled)


def to_markdown(verdicts: Sequence[Verdict], faults: Faults, disk: str, seed: int, seconds: float) -> str:
    """The result as Markdown."""
    lines = ["| how the run ended | runs | frames | rows | lines without a row | wrong |", "|---|--:|--:|--:|--:|--:|"]
    for ending in sorted({verdict.ending for verdict in verdicts}, key=ENDINGS.index):
        those = [verdict for verdict in verdicts if verdict.ending == ending]
        sums = [sum(getattr(verdict, name) for verdict in those) for name in ("frames", "rows", "lost")]
        wrong = sum(len(verdict.wrong) for verdict in those)
        lines.append(f"| {ending} | {len(those)} | " + " | ".join(map(str, [*sums, wrong])) + " |")
    longest = max(verdicts, key=lambda verdict: len(verdict.rss))
    peak = max(size for verdict in verdicts for _, size in verdict.rss) / 2**20
    settled = [point for point in longest.rss if point[0] > longest.seconds / 5] or longest.rss
    slope = statistics.linear_regression(*zip(*settled, strict=True)).slope * 60 / 1024 if len(settled) > 1 else 0.0
    facts = (
        f"{seconds / 60:.1f} minutes, seed {seed}, {len(verdicts)} runs on {disk}. "
        + ", ".join(f"{name}: {count}" for name, count in sorted(faults.counts.items()))
        + f". Memory: peak {peak:.1f} MiB; in the longest run ({longest.seconds:.0f} s) {slope:+.1f} KiB a minute, "
        f"{growth(verdicts) / 1024:+.0f} KiB from its third to its last tenth."
    )
    lines += ["", *textwrap.wrap(facts, 120)]
    problems = [*faults.wrong, *(f"{v.ending}: {sentence}" for v in verdicts for sentence in v.wrong)]
    if grew(verdicts):
        problems.append(f"memory grew by {GROWTH_LIMIT >> 20} MiB or more")
    lines += ["", *(f"- wrong: {' '.join(problem.split())}" for problem in problems)] if problems else []
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    description, _, rest = (__doc__ or "").partition("\n\n")
    examples, _, details = rest.partition("\n\n")
    parser = argparse.ArgumentParser(
        description=f"{description}\n\n{details}",
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=60, metavar="M", help="default: 60")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the same faults again (default: 0)")
    parser.add_argument("--pace", type=float, default=0.1, metavar="S", help="seconds between frames (default: 0.1)")
    parser.add_argument("--model", type=Path, metavar="PATH", help="default: the bundled one")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write the table to this file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
