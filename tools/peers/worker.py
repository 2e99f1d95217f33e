"""One engine in a process of its own: argv is the engine, the model, and a JSON of threads and frame format.

Reads requests and writes answers as JSON lines. A file of frames is raw uint8, one [H, W, 3] after another; one frame
at a time is in memory, as with a camera.

- ``{"masks": FRAMES, "out": FILE}`` writes the class maps of all frames.
- ``{"run": FRAMES, "count": N}`` times N frames, after one that is not timed; the answer is in nanoseconds.
- ``{"peak": true}`` reports the highest resident size so far, in bytes.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from .engines.common import FrameFormat, Segment


def main() -> None:
    """Serve requests until standard input ends."""
    engine, model, settings = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
    # Engines print; what they print must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    threads = settings["threads"]
    # A library's own pool must not use more processors than it was asked to.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    frame_format = FrameFormat(*settings["frame_format"])
    segment: Segment = importlib.import_module(f"tools.peers.engines.{engine}").load(model, threads, frame_format)
    frame = np.empty((frame_format.height, frame_format.width, 3), np.uint8)
    print(json.dumps({"ready": True}), file=answers)
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line), segment, frame)), file=answers)


def _answer(request: dict[str, Any], segment: Segment, frame: np.ndarray) -> dict[str, Any]:
    if "masks" in request:
        with open(request["masks"], "rb") as source, open(request["out"], "wb") as out:
            while source.readinto(frame):  # type: ignore[arg-type]  # numpy's arrays are buffers
                out.write(np.ascontiguousarray(segment(frame)).tobytes())
        return {"done": True}
    if "run" in request:
        return {"times": _times(Path(request["run"]), request["count"], segment, frame)}
    return {"peak": _peak()}


def _times(frames: Path, count: int, segment: Segment, frame: np.ndarray) -> list[int]:
    times = []
    with frames.open("rb") as source:
        for _ in range(count + 1):
            if not source.readinto(frame):  # type: ignore[arg-type]
                source.seek(0)
                source.readinto(frame)  # type: ignore[arg-type]
            start = time.perf_counter_ns()
            segment(frame)
            times.append(time.perf_counter_ns() - start)
    return times[1:]


def _peak() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the kernel does not report VmHWM")


if __name__ == "__main__":
    main()
