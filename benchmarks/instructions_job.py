"""The job of the emulated board, whose clock advances a nanosecond an instruction: times are instructions.

    python3 board_job.py JOB WORD

``JOB`` has ``frames.raw`` and ``jobs.json``: file name -> [engine, height, width]. ``JOB/out/counts.json`` receives,
for each file, millions of instructions a frame by stage.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

PYTHON = "/opt/litert/bin/python"
REPEATS = 3


def main() -> int:
    job = Path(sys.argv[1])
    if len(sys.argv) == 4:  # the child process started below, whose Python has the libraries
        print(json.dumps(measure(job, sys.argv[3])))
        return 0
    out = job / "out"
    out.mkdir(exist_ok=True)
    counts = {}
    for name in json.loads((job / "jobs.json").read_text()):
        done = subprocess.run([PYTHON, __file__, str(job), "-", name], capture_output=True, text=True, check=False)
        (out / f"{name}.log").write_text(done.stderr)
        counts[name] = json.loads(done.stdout) if done.returncode == 0 else None
    (out / "counts.json").write_text(json.dumps(counts))
    return 0


def measure(job: Path, name: str) -> dict[str, float]:
    """Medians over frames and repeats, without the very first run."""
    sys.path.insert(0, str(job))
    import numpy as np

    engine, height, width = json.loads((job / "jobs.json").read_text())[name]
    frames = np.fromfile(job / "frames.raw", np.uint8).reshape(-1, height, width, 3)
    turns = [frames[0], *(frame for frame in frames for _ in range(REPEATS))]
    found: list[dict[str, int]] = []
    if engine == "ours":
        from fastscnn_edge.runtime.pipeline.segmenter import Segmenter

        segmenter = Segmenter(job / name, 1)
        for frame in turns:
            result = segmenter.predict_timed(frame)
            found.append({"preprocess": result.preprocess, "network": result.invoke, "mask": result.mask})
    else:
        from tools.peers.engines.common import FrameFormat
        from tools.peers.engines.litert import load

        segment = load(job / name, 1, FrameFormat(height, width, (0.0,) * 3, (1.0,) * 3))
        for frame in turns:
            start = time.perf_counter_ns()
            segment(frame)
            found.append({"whole": time.perf_counter_ns() - start})
    return {stage: statistics.median(each[stage] for each in found[1:]) / 1e6 for stage in found[0]}


if __name__ == "__main__":
    sys.exit(main())
