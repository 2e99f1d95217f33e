"""Trial of a model in a process of its own: what crashes, hangs or eats memory there does not do so here.

``python -m fastscnn_edge.runtime.engines.tflite_check.trial FILE BYTES`` loads the model and runs it on a black, a gray
and a white picture, with BYTES of memory beyond what the libraries take.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

TIMEOUT = 60.0
"""Seconds for starting Python, loading the model and running it three times."""

_HEADROOM = 96 << 20
"""Bytes beyond the activations: packed weights, stacks of threads."""

_REFUSED = 3


def try_model(path: Path, activations: int, timeout: float = TIMEOUT) -> str:
    """Run ``path`` in a process of its own.

    Args:
        activations: bytes of activations it may have.

    Returns:
        Why it cannot be used, in words; empty if nothing happened.
    """
    limit = activations + _HEADROOM + 4 * path.stat().st_size
    # The package need not be installed where this process found it.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable or "python3", "-m", __name__, str(path), str(limit)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False, env=environment
        )
    except subprocess.TimeoutExpired:
        return f"a trial of it was not done after {timeout:.0f} s"
    except OSError as error:
        return f"a process to try it in cannot be started: {error.strerror}"
    if done.returncode == 0:
        return ""
    if done.returncode < 0:
        return f"the interpreter crashes ({signal.Signals(-done.returncode).name})"
    said = " ".join(done.stderr.decode(errors="replace").split()) or "no reason given"
    return f"the interpreter refuses it: {said:.300}"


def _main(path: str, limit: int) -> int:
    from ..tflite_interpreter import find_library, open_interpreter

    find_library()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _limit_memory(limit)
    try:
        interpreter = open_interpreter(Path(path), 1, log=lambda line: None)
        # Inputs of other types than int8 and float32 are refused later; they stay as they are.
        inputs = [d["index"] for d in interpreter.get_input_details() if d["dtype"] in (np.int8, np.float32)]
        for pixel in (0, 128, 255):
            for index in inputs:
                interpreter.tensor(index)().fill(pixel - 128)
            interpreter.invoke()
        for detail in interpreter.get_output_details():
            interpreter.get_tensor(detail["index"])
    except Exception as error:  # whatever it is, this file cannot be used
        reason = error.__cause__ or error  # of ours, what the interpreter said
        print(str(reason) or f"{type(reason).__name__}; it may need more memory than {limit >> 20} MB", file=sys.stderr)
        return _REFUSED
    return 0


def _limit_memory(limit: int) -> None:
    """Allow ``limit`` bytes more than now. Addresses that are only reserved, as for stacks, are no memory yet."""
    status = Path("/proc/self/status").read_text().splitlines()
    now = int(next(line.split()[1] for line in status if line.startswith("VmData:"))) << 10
    resource.setrlimit(resource.RLIMIT_DATA, (now + limit, now + limit))


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1], int(sys.argv[2])))
