"""``fastscnn-edge doctor``: check what is installed, what will be used and why, and whether it works."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from ..cli.command import guarded, parser
from ..cli.diagnosis import Diagnosis, diagnose
from ..runtime.board.board import throttle_words
from ..units import MIB

EXIT_UNUSABLE = 1


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    result = parser(
        "doctor",
        "Show which libraries are installed and which will be used, with reasons, and the state of the board, and\n"
        "segment one frame with the bundled model. Exit status: 0 usable, 1 not.",
        """
        fastscnn-edge doctor
        fastscnn-edge doctor --json
        """,
    )
    result.add_argument("--json", action="store_true", help="print all findings as JSON instead")
    options = result.parse_args(argv)
    return guarded(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    found = diagnose()
    print(json.dumps({"usable": found.problem is None, **asdict(found)}, indent=1) if options.json else _text(found))
    return EXIT_UNUSABLE if found.problem else 0


def _text(found: Diagnosis) -> str:
    board, state = found.board, found.state
    lines = ["libraries"]
    for choice in found.choices:
        mark = "used" if choice.used else "not used"
        lines.append(
            f"  {choice.purpose:<8} {choice.library} {choice.version or ''}".rstrip() + f": {mark}, {choice.reason}"
        )
    lines.append("engines, each tried in a process of its own")
    lines += [f"  {library}: {death or 'works'}" for library, death in found.engines.items()]
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
        shares = ", ".join(
            f"{name} {100 * share:.1f} %" for name, share in sorted(test["shares"].items(), key=lambda item: -item[1])
        )
        exact = "every pixel as recorded" if test["exact"] else f"classes differ by {100 * test['difference']:.2f} %"
        lines += [f"  {exact}", f"  {shares}"]
    lines.append(f"not usable: {found.problem}" if found.problem else "usable")
    return "\n".join(lines)


def _mib(value: int | None) -> str:
    return "unknown" if value is None else f"{value / MIB:.0f}"
