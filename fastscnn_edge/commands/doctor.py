"""``fastscnn-edge doctor``: what is installed, what will be used and why, and whether it works."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

from ..cli.command import guarded, parser
from ..errors import FastSCNNEdgeError
from ..runtime.board.backends import Choice, camera_choices, here, onnx_choice, onnx_target, tflite_choices
from ..runtime.board.board import Board, BoardState, read_board, read_state, throttle_verdict, throttle_words
from ..runtime.board.memory import read_memory

EXIT_UNUSABLE = 1


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


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    result = parser(
        "doctor",
        "Say what is installed, which libraries will be used and why not the others, what state the board is in,\n"
        "and segment one frame with the bundled model. Exit status: 0 usable, 1 not.",
        """
        fastscnn-edge doctor
        fastscnn-edge doctor --json
        """,
    )
    result.add_argument("--json", action="store_true", help="print everything as JSON instead")
    options = result.parse_args(argv)
    return guarded(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    found = diagnose()
    print(json.dumps({"usable": found.problem is None, **asdict(found)}, indent=1) if options.json else _text(found))
    return EXIT_UNUSABLE if found.problem else 0


def diagnose() -> Diagnosis:
    """Look, and try one frame."""
    machine, python = here()
    board, state = read_board(), read_state(time.monotonic())
    outcome, problem = None, None
    try:
        from ..cli.self_test import self_test

        outcome = asdict(self_test())
        if not outcome["passed"]:
            problem = (f"the self-test gives other classes than it should (difference {outcome['difference']:.3f}): "
                       "the installation or the engine is faulty; install again")
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


def _text(found: Diagnosis) -> str:
    board, state = found.board, found.state
    lines = ["libraries"]
    for choice in found.choices:
        mark = "used" if choice.used else "not used"
        lines.append(f"  {choice.purpose:<8} {choice.library} {choice.version or ''}".rstrip()
                     + f": {mark}, {choice.reason}")
    hottest = max(state.temperatures.values(), default=None)
    features = ", ".join(board.integer_features) or "none known"
    lines += [
        "board",
        f"  {board.model or 'unknown model'}, {board.cpu or 'unknown processor'}, {board.machine}, "
        f"{board.usable_cores} of {board.cores} cores usable",
        f"  integer instructions: {features}",
        f"  an .onnx for this processor: --target {found.target[0]}, as {found.target[1]}",
        f"  memory: {_mib(board.memory)} MiB, {_mib(found.available)} available",
        f"  governor: {', '.join(state.governors) or 'unknown'}; temperature: "
        f"{'unknown' if hottest is None else f'{hottest / 1000:.1f} degrees C'}; power mode: "
        f"{' '.join((state.power_mode or 'unknown').split())}; throttling: {throttle_words(state.throttle_bits)}",
        "self-test",
    ]
    test = found.self_test
    if test:
        shares = ", ".join(f"{name} {100 * share:.1f} %" for name, share in
                           sorted(test["shares"].items(), key=lambda item: -item[1]))
        exact = "every pixel as recorded" if test["exact"] else f"classes differ by {100 * test['difference']:.2f} %"
        lines += [f"  {exact}", f"  {shares}"]
    lines.append(f"not usable: {found.problem}" if found.problem else "usable")
    return "\n".join(lines)


def _mib(value: int | None) -> str:
    return "unknown" if value is None else f"{value / (1 << 20):.0f}"


if __name__ == "__main__":
    sys.exit(main())
