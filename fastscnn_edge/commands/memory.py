"""``fastscnn-edge memory``: estimate or measure the peak memory of models."""

from __future__ import annotations

import argparse

from ..cli.arguments import file_path, memory_amount, threads
from ..cli.command import guarded, parser
from ..cli.memory_limit import HELP, check_limit
from ..cli.memory_table import _fits, _row, _table
from ..runtime.board.footprint import Workload


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    result = parser(
        "memory",
        "Estimate the peak memory of models from their files, and with --measure also measure it in a fresh process\n"
        "that segments three frames of the model's own size.",
        """
        fastscnn-edge memory model.tflite --limit 128M
        fastscnn-edge memory models/*.tflite models/*.onnx --measure
        """,
    )
    result.add_argument("models", nargs="+", type=file_path, metavar="MODEL", help=".tflite or .onnx")
    result.add_argument("--measure", action="store_true", help="also run each model in a process of its own")
    result.add_argument("--limit", type=memory_amount, metavar="SIZE", help=HELP)
    result.add_argument("--threads", type=threads, default=1, metavar="N", help="engine threads (default: 1)")
    options = result.parse_args(argv)
    return guarded(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    for path in options.models:
        check_limit(options.limit, path, Workload)
    rows = [_row(path, options.measure, options.threads) for path in options.models]
    print(_table(rows))
    if options.measure:
        print("\n".join(_fits(rows)))
    return 0
