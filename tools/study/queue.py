"""Runs a list of training jobs one after the other, and goes on where it was when it is started again.

``python -m tools.study.queue --jobs tools/study/jobs.json --runs DIR --folds DIR`` starts the first job that is not
finished. A job is a command whose state is ``DIR/NAME/last.pt``: where that exists, ``--resume`` is added. Exit
status 0 finishes it (``DIR/NAME/done``), 130 or a longer stretch than ``--stretch`` minutes puts it off until the
others had their turn, anything else sets it aside until the queue is started again. SIGTERM stops the job under way
after its current step and then the queue. ``--status`` prints where every job stands and runs nothing.

The list is read anew before each job, so that jobs can be added and reordered while the queue runs.
In a command ``{python}``, ``{out}``, ``{folds}`` and ``{runs}`` are replaced, the latter so that a student finds its
teacher. A job whose ``after`` names unfinished jobs waits for them.
"""

from __future__ import annotations

import argparse
import csv
import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

INTERRUPTED = 130
"""Exit status of a run that was asked to stop and can be resumed."""


@dataclass(frozen=True)
class Job:
    """A named command; ``after`` names the jobs it builds on."""

    name: str
    command: tuple[str, ...]
    after: tuple[str, ...] = ()


def read_jobs(path: Path) -> list[Job]:
    """The list of jobs: JSON ``[{"name": ..., "command": "one line", "after": [...]}, ...]``."""
    return [
        Job(entry["name"], tuple(entry["command"].split()), tuple(entry.get("after", ())))
        for entry in json.loads(path.read_text())
    ]


class Queue:
    """The jobs, where their states are, and which have had their turn."""

    def __init__(self, jobs: Path, runs: Path, folds: Path, stretch: float) -> None:
        self.jobs, self.runs, self.folds, self.stretch = jobs, runs, folds, stretch
        self.process: subprocess.Popen[bytes] | None = None
        self.stopped = False
        self.failed: set[str] = set()
        self.turns: dict[str, int] = {}

    def is_done(self, name: str) -> bool:
        return (self.runs / name / "done").exists()

    def next_job(self) -> Job | None:
        """The first job that can run, of those that had the fewest turns."""
        ready = [
            job
            for job in read_jobs(self.jobs)
            if not self.is_done(job.name)
            and job.name not in self.failed
            and all(self.is_done(name) for name in job.after)
        ]
        return min(ready, key=lambda job: self.turns.get(job.name, 0), default=None)

    def stop(self, _signal: int, _frame: FrameType | None) -> None:
        self.stopped = True
        if self.process is not None:
            self.process.terminate()

    def run(self) -> int:
        """Returns 0 when every job is done, 130 when stopped, 1 when jobs failed."""
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        while not self.stopped and (job := self.next_job()) is not None:
            self._run_job(job)
        return INTERRUPTED if self.stopped else int(bool(self.failed))

    def _run_job(self, job: Job) -> None:
        out = self.runs / job.name
        out.mkdir(parents=True, exist_ok=True)
        places = {"python": sys.executable, "out": out, "folds": self.folds, "runs": self.runs}
        command = [word.format(**places) for word in job.command]
        if (out / "last.pt").exists():
            command.append("--resume")
        print(f"{_now()} {job.name}: {' '.join(command)}", flush=True)
        started = time.monotonic()
        with (out / "log.txt").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
            if self.stopped:  # the signal came before there was a process to tell
                self.process.terminate()
            try:
                status = self.process.wait(60 * self.stretch)
            except subprocess.TimeoutExpired:
                self.process.terminate()
                status = self.process.wait()
        minutes = (time.monotonic() - started) / 60
        print(f"{_now()} {job.name}: exit status {status} after {minutes:.1f} minutes", flush=True)
        with (out / "stretches.csv").open("a") as file:
            file.write(f"{_now()},{minutes:.2f},{status}\n")
        self.turns[job.name] = self.turns.get(job.name, 0) + 1
        if status == 0:
            (out / "done").touch()
        elif status != INTERRUPTED and not self.stopped:
            self.failed.add(job.name)

    def status(self) -> str:
        """One line a job: done, under way, waiting."""
        lines = []
        for job in read_jobs(self.jobs):
            out = self.runs / job.name
            state = "done" if self.is_done(job.name) else "begun" if (out / "last.pt").exists() else "-"
            lines.append(f"{job.name:<28} {state:<6} {_progress(out / 'curve.csv')}".rstrip())
        return "\n".join(lines)


def _progress(curve: Path) -> str:
    """The last epoch of a curve, and the last score; empty where there is no curve."""
    if not curve.exists():
        return ""
    with curve.open(newline="") as file:
        rows = list(csv.DictReader(file))
    scored = [row for row in rows if row["miou"]]
    score = f", mIoU {scored[-1]['miou']} % at epoch {scored[-1]['epoch']}" if scored else ""
    return f"epoch {rows[-1]['epoch']}{score}"


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--jobs", type=Path, required=True, metavar="JSON", help="list of jobs")
    add("--runs", type=Path, required=True, metavar="DIR", help="a folder of each job's name is made in it")
    add("--folds", type=Path, required=True, metavar="DIR", help="what tools.study.folds wrote")
    add("--stretch", type=float, default=150, metavar="MIN", help="longest stretch of one job, minutes (%(default)s)")
    add("--status", action="store_true", help="say where the jobs stand, and run nothing")
    args = parser.parse_args(argv)
    queue = Queue(args.jobs, args.runs, args.folds, args.stretch)
    if args.status:
        print(queue.status())
        return 0
    return queue.run()


if __name__ == "__main__":
    raise SystemExit(main())
