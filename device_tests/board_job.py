"""The only job of the whole emulated board: install, segment from the camera, pull the camera out.

    python3 board_job.py JOB UNPLUG

``JOB`` is the parcel's folder; ``JOB/out`` receives ``steps.json`` (name -> status, seconds are bounds and never
reported), the logs, the reports and overlays. ``UNPLUG`` is ``once``, or ``replug`` to plug it in again.
Uses only the standard library: the programs it starts are under test.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PYTHON = "/opt/litert/bin/python"
DRIVER = Path("/sys/bus/platform/drivers/vivid")
CAMERA = Path("/dev/video0")

FRAMES = 20
FRAMES_BEFORE_UNPLUG = 5
FRAMES_IN_ALL = 40
"""Frames of the run that loses its camera: more than it can have before that."""

STEP_LIMIT = 1200
EXIT_LIMIT = 180
"""Limits in seconds, emulated on a busy host: long enough that only a hanging program exceeds them."""

ABSENT = 5
"""Seconds between unplugging and replugging the camera."""


def main() -> int:
    job, replug = Path(sys.argv[1]), sys.argv[2] == "replug"
    out = job / "out"
    out.mkdir(exist_ok=True)
    steps: dict[str, dict[str, Any]] = {}
    wheel = next(job.glob("*.whl"))
    steps["install"] = _step(
        [PYTHON, "-m", "pip", "install", "--no-index", "--no-deps", "--force-reinstall", "--no-compile", str(wheel)],
        out / "install.log",
    )
    steps["camera"] = _step(_run_command(out, "camera", FRAMES), out / "camera.log")
    steps["probe"] = _step([PYTHON, str(job / "probe.py"), str(job), str(out / "probe")], out / "probe.log")
    steps["unplug"] = _unplug(out, replug)
    (out / "steps.json").write_text(json.dumps(steps, indent=1))
    return 0


def _run_command(out: Path, name: str, frames: int) -> list[str]:
    return [
        PYTHON,
        "-m",
        "fastscnn_edge.run",
        "--camera",
        "0",
        "--frames",
        str(frames),
        "--headless",
        "--out",
        str(out / name),
        "--report",
        str(out / f"{name}.json"),
    ]


def _step(command: list[str], log: Path) -> dict[str, Any]:
    print("board:", *command, flush=True)
    with log.open("w") as stream:
        try:
            status = subprocess.run(
                command, stdout=stream, stderr=subprocess.STDOUT, timeout=STEP_LIMIT, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            status = None
    return {"status": status}


def _unplug(out: Path, replug: bool) -> dict[str, Any]:
    """Remove the camera in the middle of a run."""
    device = next((link.name for link in DRIVER.glob("vivid.*")), None)
    if device is None:
        return {"status": None, "error": f"no camera is bound to {DRIVER}"}
    command = _run_command(out, "unplug", FRAMES_IN_ALL)
    print("board:", *command, flush=True)
    with (out / "unplug.log").open("w") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT)
        seen = _wait_for(
            lambda: (
                len(list((out / "unplug").glob("*_mask.png"))) >= FRAMES_BEFORE_UNPLUG or process.poll() is not None
            ),
            STEP_LIMIT,
        )
        print("board: pulling the camera", flush=True)
        early = process.poll() is not None
        (DRIVER / "unbind").write_text(device)
        gone = _wait_for(lambda: not CAMERA.exists(), EXIT_LIMIT)
        if replug:
            time.sleep(ABSENT)
            print("board: putting the camera back", flush=True)
            (DRIVER / "bind").write_text(device)
        bounded = _wait_for(lambda: process.poll() is not None, STEP_LIMIT if replug else EXIT_LIMIT)
        stopped = bounded or _stop(process)
    return {
        "status": process.returncode,
        "frames_seen": seen,
        "ended_before": early,
        "device_gone": gone,
        "bounded": bounded,
        "stopped_by_signal": not bounded and stopped,
    }


def _stop(process: subprocess.Popen[bytes]) -> bool:
    """Whether a program that waits for its camera for ever ends on SIGTERM."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(EXIT_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
    return True


def _wait_for(condition: Any, limit: float) -> bool:
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return False


if __name__ == "__main__":
    status = main()
    os.sync()
    sys.exit(status)
