"""Diagnosis of this device: what is installed, and whether the bundled model runs."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import FastSCNNEdgeError
from ..runtime.board.backends import Choice, camera_choices, here, onnx_choice, onnx_target, tflite_choices
from ..runtime.board.board import Board, BoardState, read_board, read_state, throttle_verdict
from ..runtime.board.memory import read_memory


@dataclass(frozen=True)
class Diagnosis:
    """Findings of ``doctor``.

    Attributes:
        choices: libraries per purpose, and which of them are used.
        board, state: identity of the board, and its state now.
        throttle: ``clean``, ``throttled`` or ``unknown``.
        available: memory in bytes that the system can provide, None if unknown.
        target: (best ``export --target`` for this processor, reason).
        self_test: fields of :class:`.self_test.SelfTestResult`, None if it could not run.
        problem: why no model can run, None if one can.
    """

    choices: tuple[Choice, ...]
    board: Board
    state: BoardState
    throttle: str
    available: int | None
    target: tuple[str, str]
    self_test: dict[str, Any] | None
    problem: str | None


def diagnose() -> Diagnosis:
    """Collect the findings and run the self-test."""
    machine, python = here()
    board, state = read_board(), read_state(time.monotonic())
    outcome, problem = None, None
    try:
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
        self_test=outcome,
        problem=problem,
    )
