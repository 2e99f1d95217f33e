"""Diagnosis of this device: what is installed, and whether the bundled model runs."""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import FastSCNNEdgeError, ModelFileError, install_command
from ..runtime.board.backends import Choice, camera_choices, here, onnx_choice, onnx_target, tflite_choices
from ..runtime.board.board import Board, BoardState, read_board, read_state, throttle_verdict
from ..runtime.board.memory import read_memory

_ONNX = "onnxruntime"

_TRIAL = """
import sys
import numpy as np
from fastscnn_edge.runtime.pipeline.segmenter import WEIGHTS, Segmenter
Segmenter(WEIGHTS / sys.argv[1], 1).predict(np.zeros((64, 64, 3), np.uint8))
"""

_PATIENCE = 120.0
"""Seconds a trial may take: slow cards load a library of 60 MB slowly."""


@dataclass(frozen=True)
class Diagnosis:
    """Findings of ``doctor``.

    Attributes:
        choices: libraries per purpose, and which of them are used.
        board, state: identity of the board, and its state now.
        throttle: ``clean``, ``throttled`` or ``unknown``.
        available: memory in bytes that the system can provide, None if unknown.
        target: (best ``export --target`` for this processor, reason).
        engines: engine's library -> None if it runs the bundled model, else what happened.
        self_test: fields of :class:`.self_test.SelfTestResult`, None if it could not run.
        problem: why no model can run, None if one can.
    """

    choices: tuple[Choice, ...]
    board: Board
    state: BoardState
    throttle: str
    available: int | None
    target: tuple[str, str]
    engines: dict[str, str | None]
    self_test: dict[str, Any] | None
    problem: str | None


def diagnose() -> Diagnosis:
    """Collect the findings and run the self-test."""
    machine, python = here()
    board, state = read_board(), read_state(time.monotonic())
    engines = {library: _trial(module, model) for library, (module, model) in _installed().items()}
    outcome, problem = None, None
    try:
        # Only here is this process's own engine loaded: one that kills its process has been found before.
        deaths = [f"{library} {death}" for library, death in engines.items() if death]
        if deaths and len(deaths) == len(engines):
            raise ModelFileError("; ".join(deaths))
        preferred = next((library for library in engines if library != _ONNX), _ONNX)
        if engines.get(preferred):
            raise ModelFileError(f"{preferred} {engines[preferred]}; remove it, and {_other(preferred, engines)}")
        from ..cli.self_test import self_test

        outcome = asdict(self_test())
        if not outcome["passed"]:
            problem = (
                f"the self-test class map differs from the expected one (by {outcome['difference']:.3f}): "
                "the installation or the engine is faulty; install again"
            )
    except FastSCNNEdgeError as error:
        problem = str(error)
    except (ImportError, OSError, ValueError) as error:  # a library is installed but does not load
        problem = f"a library does not load or a file is missing: {error}"
    return Diagnosis(
        choices=(*tflite_choices(machine, python), onnx_choice(), *camera_choices()),
        board=board,
        state=state,
        throttle=throttle_verdict([state]),
        available=read_memory().available,
        target=onnx_target(board.integer_features, machine),
        engines=engines,
        self_test=outcome,
        problem=problem,
    )


def _installed() -> dict[str, tuple[str, str]]:
    """Library -> (module, bundled model) of the engines that can be found, the preferred one first."""
    tflite, onnx = "fastscnn_camvid_int8.tflite", "fastscnn_camvid_int8.onnx"
    every = {
        "ai-edge-litert": ("ai_edge_litert", tflite),
        "tflite-runtime": ("tflite_runtime", tflite),
        _ONNX: ("onnxruntime", onnx),
    }
    found = {library: entry for library, entry in every.items() if _is_there(entry[0])}
    if "ai-edge-litert" in found:
        found.pop("tflite-runtime", None)  # never used beside it
    return found


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # what stands in its place can be anything
        return False


def _trial(module: str, model: str) -> str | None:
    """Run a bundled model in a process of its own; None if that went well, else what happened, as a predicate."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _TRIAL, model], capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return f"does not finish within {_PATIENCE:.0f} s"
    if done.returncode == 0:
        return None
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        why = "this processor lacks instructions that it was built with" if name == "SIGILL" else "it is faulty here"
        return f"dies of {name} when it runs a model: {why}"
    reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    return f"does not run: {reason}"


def _other(library: str, engines: dict[str, str | None]) -> str:
    """What to use in place of ``library``."""
    working = next((name for name, death in engines.items() if name != library and death is None), None)
    if working:
        return f"{working}, which works here, is used"
    return install_command("onnx" if library != _ONNX else "tflite")
