"""The watcher sees this process from outside, and never holds it up."""

from __future__ import annotations

import json
import mmap
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fastscnn_edge.runtime.board import watcher
from fastscnn_edge.runtime.board.watcher import STATE_EVERY, Watcher

INTERVAL = 0.05


def test_it_sees_memory_that_came_and_went() -> None:
    began = time.monotonic()
    with Watcher(began, INTERVAL) as watching:
        time.sleep(0.5)  # let it start, even on a busy machine
        # From the kernel itself: a heap with holes in it would have given memory that is resident already.
        with mmap.mmap(-1, 40 << 20) as block:
            np.frombuffer(block, np.uint8).fill(1)
            time.sleep(0.7)
        time.sleep(0.3)
    log = watching.log
    assert log is not None
    rss = [memory.rss for memory in log.memory if memory.rss is not None]
    assert len(rss) == len(log.seconds) >= 3
    assert max(rss) - min(rss) > 30 << 20
    assert log.peak("rss") == max(rss)
    assert log.seconds == tuple(sorted(log.seconds))
    assert log.seconds[0] >= 0 and log.seconds[-1] <= time.monotonic() - began
    assert log.cpu_seconds > 0
    assert len(log.states) == -(-len(log.memory) // STATE_EVERY)
    assert (log.lowest_available() or 1) > 0


def test_what_the_firmware_s_program_took_counts_as_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "vcgencmd"
    program.write_text("#!/bin/sh\ni=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo throttled=0x0\n")
    program.chmod(0o755)
    seconds = []
    for path in (tmp_path, tmp_path / "absent"):
        monkeypatch.setenv("PATH", str(path))
        with Watcher(time.monotonic(), 60.0) as watching:
            time.sleep(0.1)
        assert watching.log is not None
        seconds.append(watching.log.cpu_seconds)
    assert seconds[0] > seconds[1] + 0.02


def test_it_ends_with_the_process_it_watches(tmp_path: Path) -> None:
    """Else it would go on adding board states for a process that is gone."""
    with subprocess.Popen([sys.executable, "-c", "pass"]) as gone:
        gone.wait()
    read, write = os.pipe()
    with os.fdopen(read) as never_closed:
        program = "import sys; from fastscnn_edge.runtime.board.watcher import main; main(sys.argv[1:])"
        done = subprocess.run(
            [sys.executable, "-c", program, str(gone.pid), "0.0", "0.01", "/"],
            stdin=never_closed,
            capture_output=True,
            timeout=30,
            check=True,
        )
    os.close(write)
    assert json.loads(done.stdout)["memory"] == json.loads(done.stdout)["states"] == []


def test_memory_is_read_below_the_root_it_is_given(tmp_path: Path) -> None:
    status = tmp_path / "proc" / "4711" / "status"
    status.parent.mkdir(parents=True)
    status.write_text("VmRSS:\t    1234 kB\n")
    program = "import sys; from fastscnn_edge.runtime.board.watcher import main; main(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", program, "4711", "0.0", "0.01", str(tmp_path)],
        input=b"",
        capture_output=True,
        timeout=30,
        check=True,
    )
    assert json.loads(done.stdout)["memory"][0]["rss"] == 1234 * 1024


def test_finishing_twice_is_finishing_once() -> None:
    with Watcher(time.monotonic(), INTERVAL) as watching:
        first = watching.finish()
    assert first is not None and watching.log is first


def test_a_watcher_that_cannot_start_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher.sys, "executable", "/nonexistent/python")
    with Watcher(time.monotonic()) as watching:
        pass
    assert watching.log is None


def test_it_ends_with_its_parent() -> None:
    program = (
        "import time, sys\nfrom fastscnn_edge.runtime.board.watcher import Watcher\nimport os\n"
        "w = Watcher(time.monotonic(), 0.05).__enter__()\nprint(w._process.pid, flush=True)\nos._exit(1)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    pid = int(done.stdout)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and _alive(pid):
        time.sleep(0.05)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stream:
            return stream.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_it_loads_neither_numpy_nor_an_engine() -> None:
    program = (
        "import sys, fastscnn_edge.runtime.board.watcher; print({'numpy', 'PIL', 'ai_edge_litert'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "set()\n"
