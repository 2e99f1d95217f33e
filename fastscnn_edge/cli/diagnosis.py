"""What this device has, and whether the bundled model runs on it."""

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
    """Everything doctor knows; ``problem`` says why nothing can be run, None if something can."""

    choices: tuple[Choice, ...]
    board: Board
    state: BoardState
    throttle: str
    available: int | None
    target: tuple[str, str]
    self_test: dict[str, Any] | None
    problem: str | None


def diagnose() -> Diagnosis:
    """Look, and try one frame."""
    machine, python = here()
    board, state = read_board(), read_state(time.monotonic())
    outcome, problem = None, None
    try:
        from ..cli.self_test import self_test

        outcome = asdict(self_test())
        if not outcome["passed"]:
            problem = (
                f"the self-test gives other classes than it should (difference {outcome['difference']:.3f}): "
                "the installation or the engine is faulty; install again"
            )
    except FastSCNNEdgeError as error:
        problem = str(error)
    except (ImportError, OSError, ValueError) as error:  # a library that is installed and does not load
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
