"""A live run in a process of its own, watched from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image


def pictures(folder: Path, count: int = 4, size: tuple[int, int] = (64, 96)) -> Path:
    """A folder of pictures to be played as a camera."""
    folder.mkdir()
    for number in range(count):
        image = np.random.default_rng(number).integers(0, 255, (*size, 3), np.uint8)
        Image.fromarray(image).save(folder / f"{number:03}.png")
    return folder


def command(source: Path, model: Path, *more: str | Path) -> list[str]:
    """``fastscnn-edge run`` on one picture, again and again until it is stopped."""
    base = [sys.executable, "-m", "fastscnn_edge", "run", "--source", source, "--model", model, "--threads", "1"]
    return list(map(str, [*base, "--frames", "100000000", "--headless", *more]))


def start(words: list[str], **options: Any) -> subprocess.Popen[str]:
    """Start ``words`` in a session, and so in a process group, of its own."""
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "preexec_fn": hear_hangups}
    return subprocess.Popen(words, start_new_session=True, **{**settings, **options})


def hear_hangups() -> None:
    """Undo the nohup that the tests may run under."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def wait_until(condition: Callable[[], object], process: subprocess.Popen[str], seconds: float = 60) -> None:
    """Wait until ``condition()``, while ``process`` runs."""
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def rows(path: Path) -> int:
    """Number of lines of a file, 0 where there is none."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


def report(path: Path) -> dict[str, Any]:
    data = json.loads(path.read_text())
    assert path.with_suffix(".md").is_file() and path.with_suffix(".html").is_file()
    return data


def needs_private_mounts() -> None:
    """Skip the test where a process may not mount a small disk of its own."""
    tried = subprocess.run(
        ["unshare", "-Urm", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
    )
    if tried.returncode:
        pytest.skip("a small disk cannot be mounted here (unshare -Urm)")


def with_small_disk(words: list[str], disk: Path, size: str) -> list[str]:
    """``words`` in a mount namespace where ``disk`` is a disk of ``size`` of its own."""
    script = f'mount -t tmpfs -o size={size} none "$0" && exec "$@"'
    return ["unshare", "-Urm", "sh", "-c", script, str(disk), *words]


def seen_by(process: subprocess.Popen[str], path: Path) -> Path:
    """``path`` as ``process`` sees it in its mount namespace."""
    return Path(f"/proc/{process.pid}/root") / os.path.relpath(path, "/")
