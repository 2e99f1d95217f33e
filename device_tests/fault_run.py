"""One run under faults: started, fed with faults, ended, and what it left judged."""

from __future__ import annotations

import csv
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from device_tests.fault_disk import Disk
from fastscnn_edge.runtime.board.memory import read_memory

RECONNECT = 6.0
"""Seconds for which a run waits for its camera."""

PATIENCE = 60.0
"""Seconds in which a run must have started or ended; with a loaded machine in mind."""

STATUS_OF = {"SIGKILL": -signal.SIGKILL, "disk full": 2, "camera gone for good": 2}
"""Ending -> exit status; 0 for all others."""

STOPPED_BY = {
    "SIGTERM": "SIGTERM",
    "SIGTERM twice": "SIGTERM",
    "SIGHUP": "SIGHUP",
    "SIGINT": "SIGINT",
    "reader gone": "the reader of --lines closed the pipe",
    "disk full": "OutputError: cannot write",
    "camera gone for good": "CameraLostError: the camera did not come back",
}
"""Ending -> how ``stopped_by`` of the report begins. After a SIGKILL there is no report."""

ENDINGS = ("SIGKILL", *STOPPED_BY)
UNFINISHED = ("SIGKILL", "disk full")
"""Endings that leave the table under its unfinished name."""

TABLE, REPORT = "a.csv", "r.json"


@dataclass
class Verdict:
    """What a run left.

    Attributes:
        ending: how it ended.
        seconds: how long it ran.
        frames: lines that arrived at the reader.
        rows: whole rows of the table.
        lost: frames whose line arrived and whose row is missing.
        rss: (seconds, resident bytes) each second.
        wrong: sentences about what should not be.
    """

    ending: str
    seconds: float = 0.0
    frames: int = 0
    rows: int = 0
    lost: int = 0
    rss: list[tuple[float, int]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Run:
    """A live run in a session of its own, with everything on: lines, table, report and page.

    Raises:
        RuntimeError: no frame within :data:`PATIENCE`.
    """

    def __init__(self, disk: Disk, work: Path, pace: float, model: Path | None) -> None:
        self.disk, self.gone = disk, work / "gone"
        self.gone.unlink(missing_ok=True)
        for suffix in (".json", ".md", ".html"):  # or the last run's would be taken for this one's
            (disk.folder / REPORT).with_suffix(suffix).unlink(missing_ok=True)
        words = [sys.executable, str(Path(__file__).with_name("fault_camera.py")), str(self.gone), str(pace)]
        words += ["--camera", "0", "--reconnect", str(RECONNECT), "--headless", "--lines", "--serve", "127.0.0.1:0"]
        words += ["--csv", str(disk.folder / TABLE), "--report", str(disk.folder / REPORT), "--threads", "1"]
        words += ["--model", str(model)] if model else []
        self.words = words
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        self.names: list[str] = []
        self.errors = ""
        self.rss: list[tuple[float, int]] = []
        self.url = ""
        self._reading = threading.Event()
        self._reading.set()
        self._threads = [threading.Thread(target=task, daemon=True) for task in (self._read, self._listen, self._weigh)]
        for thread in self._threads:
            thread.start()
        self._wait(lambda: len(self.names) > 0 and self.url != "", "no first frame")

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.names.append(json.loads(line)["frame"] if line.endswith("\n") else f"half a line: {line}")
            if not self._reading.is_set():
                break
        self.process.stdout.close()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.errors += line
            if found := re.search(r"live at http://(\S+)/", line):
                self.url = found[1]

    def _weigh(self) -> None:
        while self.process.poll() is None:
            if size := read_memory(process=str(self.process.pid)).rss:
                self.rss.append((time.monotonic() - self.began, size))
            time.sleep(1)

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > end or self.process.poll() is not None:
                self.process.kill()
                raise RuntimeError(f"{what} within {PATIENCE:g} s; standard error: {self.errors[-2000:]}")
            time.sleep(0.05)

    def connect(self, count: int, request: bytes = b"", buffer: int | None = None) -> list[socket.socket]:
        """Connections to the page that have sent ``request`` and read nothing."""
        host, port = self.url.split(":")
        made = []
        for _ in range(count):
            connection = socket.socket()
            if buffer:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            connection.settimeout(10)
            connection.connect((host, int(port)))
            connection.sendall(request)
            made.append(connection)
        return made

    def view(self) -> int:
        """Frames the page has shown, as a viewer sees them."""
        with urllib.request.urlopen(f"http://{self.url}/status", timeout=10) as answer:
            return int(json.load(answer)["frames"])

    def end(self, ending: str) -> Verdict:
        """End the run by ``ending``, one of :data:`ENDINGS`, and judge what it left."""
        group = self.process.pid
        if ending.startswith("SIG"):
            for _ in range(2 if ending.endswith("twice") else 1):
                with suppress(ProcessLookupError):  # it has ended by itself, which its status and report will tell
                    os.killpg(group, signal.Signals[ending.split()[0]])
        elif ending == "reader gone":
            self._reading.clear()
        elif ending == "camera gone for good":
            self.gone.touch()
        elif self.disk.real:
            self.disk.fill()
        else:
            resource.prlimit(group, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        verdict = Verdict(ending)
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            verdict.wrong.append(f"it did not end within {PATIENCE:g} s of: {ending}")
            os.killpg(group, signal.SIGKILL)
            status = self.process.wait()
        for thread in self._threads:
            thread.join(PATIENCE)
        verdict.seconds, verdict.frames, verdict.rss = time.monotonic() - self.began, len(self.names), self.rss
        if status != STATUS_OF.get(ending, 0):
            verdict.wrong.append(f"status {status}; standard error: {self.errors[-500:]}")
        if "Traceback" in self.errors or "this is a bug" in self.errors:
            verdict.wrong.append(f"traceback: {self.errors[-2000:]}")
        judge_report(verdict, self.disk, self.errors)
        judge_table(verdict, self.disk, self.names)
        return verdict

    def start_on_full_disk(self) -> list[str]:
        """What is wrong with how a run refuses a disk without room for its report."""
        self.disk.fill()  # this run has given back what its report did not need
        done = subprocess.run(self.words, capture_output=True, text=True, timeout=PATIENCE, check=False)
        good = (
            done.returncode == 2 and done.stderr.count("\n") == 1 and "No space left on device; it needs" in done.stderr
        )
        return [] if good else [f"on a full disk it started with status {done.returncode}: {done.stderr[-500:]}"]


def judge_report(verdict: Verdict, disk: Disk, errors: str) -> None:
    """Add to ``verdict`` what is wrong with the run's report."""
    expected = STOPPED_BY.get(verdict.ending)
    if expected is None:
        return
    path, text = disk.folder / REPORT, ""
    if path.exists():
        text = path.read_text()
        if not all(path.with_suffix(suffix).exists() for suffix in (".md", ".html")):
            verdict.wrong.append("the report has no .md or no .html")
    elif verdict.ending == "disk full" and not disk.real:
        text = errors[errors.find("{\n") : errors.rfind("}\n") + 1]
    try:
        data = json.loads(text)
    except ValueError:
        verdict.wrong.append(f"no valid report; standard error: {errors[-500:]}")
        return
    if not str(data["stopped_by"]).startswith(expected):
        verdict.wrong.append(f"the report says stopped by {data['stopped_by']}")
    # A frame whose row found the disk full has had its line, but counts as unfinished.
    counted = data["frames"] - data["dropped"]["not_drawn"] + (verdict.ending == "disk full")
    if counted < verdict.frames:
        verdict.wrong.append(f"the report counts {data['frames']} frames, the reader {verdict.frames}")


def judge_table(verdict: Verdict, disk: Disk, names: Sequence[str]) -> None:
    """Add to ``verdict`` what is wrong with the run's table, and what it left beside it.

    Args:
        verdict: receives the number of rows, too.
        disk: where the table is.
        names: frames whose lines arrived.
    """
    unfinished = verdict.ending in UNFINISHED
    path = disk.folder / (f"{TABLE}.part" if unfinished else TABLE)
    if not path.exists():
        verdict.wrong.append(f"{path.name} is missing")
        return
    text = path.read_text()
    head, *rows = csv.reader(text.splitlines())
    verdict.rows = len(rows)
    if not text.endswith("\n") or any(len(row) != len(head) for row in rows):
        verdict.wrong.append(f"{path.name} has half a row")
    verdict.lost = len(set(names) - {row[0] for row in rows})
    # The line of a frame is written before its row, so a kill or a full disk may come between them.
    if verdict.lost > (1 if unfinished else 0):
        verdict.wrong.append(f"{verdict.lost} frames whose lines arrived have no row")
    if not unfinished:
        for name in ("*.part", ".*.unfinished"):
            verdict.wrong += [f"{left.name} was left" for left in disk.folder.glob(name)]


def judge_recovery(disk: Disk, before: Verdict, errors: str) -> list[str]:
    """What is wrong with how a run treated what the one ``before`` left; clears the disk of it."""
    recovered = sorted(disk.folder.glob(f"{TABLE}.recovered-*"))
    wrong = []
    if before.ending in UNFINISHED:
        rows = [len(path.read_text().splitlines()) - 1 for path in recovered]
        if rows != [before.rows]:
            wrong.append(f"of {before.rows} rows {rows} were recovered after: {before.ending}")
        if errors.count("was left by a run that died; its records are now in") != 1:
            wrong.append(f"no line about what was recovered: {errors[-500:]}")
    elif recovered:
        wrong.append(f"{recovered[0].name} was recovered after: {before.ending}")
    for path in recovered:
        path.unlink()
    return wrong
