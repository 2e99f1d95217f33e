"""``fastscnn-edge tensorrt-plan``: print or run the trtexec command for a Jetson."""

from __future__ import annotations

import argparse
import shlex
import sys
from typing import TYPE_CHECKING

from ..cli.arguments import board_memory, file_path, size, version_number
from ..cli.command import guarded, parser
from ..errors import UsageError
from ..export.tensorrt.trtexec import JETSON_TRTEXEC, _status, ask_version, build, find_trtexec
from ..files import sha256
from ..runtime.board.memory import total_memory

if TYPE_CHECKING:
    pass

_DESCRIPTION = """\
Print the trtexec command that builds a TensorRT engine from an .onnx, or run it with --run. Its flags follow from the
model (Q/DQ, fp16 or fp32; dynamic shapes) and from TensorRT's version: precision, workspace of a quarter of the
board's memory (at most 4 GiB; 1 GiB on a 4 GB board), a timing cache, shapes. The engine is written beside the model,
named by the model's sha256 and TensorRT's version. An engine is valid only for the GPU and version it was built with,
so build it on the board. 'fastscnn-edge lint' checks beforehand whether a Q/DQ model follows TensorRT's rules.

Exit status: 0; with --run trtexec's own; 2 for wrong input or without trtexec.
"""

_EXAMPLES = """
fastscnn-edge tensorrt-plan model.onnx
fastscnn-edge tensorrt-plan model.onnx --run --benchmark
fastscnn-edge tensorrt-plan model.onnx --tensorrt-version 10.3 --board-memory 8G
fastscnn-edge tensorrt-plan dynamic.onnx --min 256x512 --opt 512x1024 --max 1024x2048
"""


def build_parser() -> argparse.ArgumentParser:
    result = parser("tensorrt-plan", _DESCRIPTION, _EXAMPLES)
    add = result.add_argument
    add("model", type=file_path, metavar="MODEL", help="the .onnx file")
    add("--run", action="store_true", help="build the engine after printing")
    add(
        "--benchmark",
        action="store_true",
        help="add a command that loads the engine and measures it: 2 s warm-up, 60 s, percentiles 50, 90, 95, 99",
    )
    add(
        "--tensorrt-version",
        type=version_number,
        metavar="X.Y",
        help="TensorRT version the flags are for (default: that of the installed trtexec)",
    )
    add(
        "--board-memory",
        type=board_memory,
        metavar="SIZE",
        help="the board's memory, such as 8G (default: this machine's)",
    )
    add("--min", type=size, metavar="HxW", help="smallest input (default: --opt)")
    add(
        "--opt",
        type=size,
        metavar="HxW",
        help="height x width the engine is tuned for; required for models with dynamic height and width",
    )
    add("--max", type=size, metavar="HxW", help="largest input (default: --opt)")
    add(
        "--dla",
        type=int,
        choices=range(4),
        metavar="N",
        help="use this deep learning accelerator core, with the GPU as fallback",
    )
    add(
        "--builder-optimization-level",
        type=int,
        choices=range(6),
        metavar="L",
        dest="level",
        help="0 to 5: higher builds longer for a faster engine (default: TensorRT's, 3); from TensorRT 8.6 on",
    )
    return result


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    return guarded(lambda: _run(build_parser().parse_args(argv)))


def _run(args: argparse.Namespace) -> int:
    # Imported late: --help should not wait for onnx.
    from ..export.tensorrt.plan import PlanRequest, make_plan, read_facts
    from ..export.tensorrt.read import read_onnx

    model, _ = read_onnx(args.model)
    trtexec = find_trtexec()
    memory = args.board_memory or total_memory()
    if memory is None:
        raise UsageError("this machine does not say how much memory it has; give --board-memory")
    request = PlanRequest(
        memory,
        args.tensorrt_version or (ask_version(trtexec) if trtexec else None),
        args.min,
        args.opt,
        args.max,
        args.dla,
        args.level,
    )
    plan = make_plan(args.model, sha256(args.model), read_facts(model), request)
    program = trtexec or "trtexec"
    for note in plan.notes:
        print(f"# {note}")
    if trtexec is None and args.board_memory is None:
        print(f"# workspace by this machine's {memory / 2**30:.1f} GiB; --board-memory SIZE is for another board")
    print(shlex.join([program, *plan.build()]))
    if args.benchmark:
        print(shlex.join([program, *plan.benchmark()]))
    if not args.run:
        return 0
    if trtexec is None:
        raise UsageError(
            f"trtexec is not on PATH; on a Jetson it is {JETSON_TRTEXEC}, of the package "
            "libnvinfer-bin: run this on the board"
        )
    sys.stdout.flush()  # before trtexec writes
    status = build(trtexec, plan)
    if status == 0 and args.benchmark:
        status = _status([trtexec, *plan.benchmark()])
    return status
