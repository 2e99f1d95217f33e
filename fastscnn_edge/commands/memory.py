"""``fastscnn-edge memory``: estimate or measure the peak memory of models."""

from __future__ import annotations

import argparse
import importlib
import json

from ..cli.arguments import camera_size, file_path, memory_amount, threads
from ..cli.command import guarded, parser
from ..cli.images import add_image_options, add_max_size_option, add_recursive_option
from ..cli.memory.limit import HELP, check_limit, workload_of
from ..cli.memory.probe import Probe
from ..cli.memory.table import facts, fits, row_of, table
from ..errors import require
from ..runtime.pipeline.footprint import Workload


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    result = parser(
        "memory",
        "Estimate the peak memory of models from their files, and with --measure also measure it in a fresh process.\n"
        "Without --source and --camera-size the work is three frames of the model's own size, from memory.",
        """
        fastscnn-edge memory model.tflite --limit 128M
        fastscnn-edge memory models/*.tflite models/*.onnx --measure
        fastscnn-edge memory model.tflite --source photos/ --draw --measure
        fastscnn-edge memory model.tflite --camera-size 1280x720 --draw
        """,
    )
    result.add_argument("models", nargs="+", type=file_path, metavar="MODEL", help=".tflite or .onnx")
    result.add_argument("--measure", action="store_true", help="also run each model in a process of its own")
    result.add_argument("--limit", type=memory_amount, metavar="SIZE", help=HELP)
    result.add_argument("--threads", type=threads, default=1, metavar="N", help="engine threads (default: 1)")
    group = result.add_argument_group("the work, as of 'fastscnn-edge run'")
    where = group.add_mutually_exclusive_group()
    where.add_argument("--source", type=file_path, metavar="PATH", help="a picture, a folder of pictures or a video")
    where.add_argument(
        "--camera-size", type=camera_size, metavar="WxH", help="a camera's frames; --measure simulates the camera"
    )
    group.add_argument("--draw", action="store_true", help="overlays are drawn, as for --out, --video and --serve")
    group.add_argument("--blur", action="store_true", help="classes are blurred; --measure blurs all of them")
    group.add_argument("--smooth", action="store_true", help="masks are those of a running mean")
    add_max_size_option(group)
    add_recursive_option(group)
    add_image_options(result)
    result.add_argument("--json", action="store_true", help="print a list as JSON instead of a table; bytes")
    options = result.parse_args(argv)
    return guarded(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    given = options.source is not None or options.camera_size is not None
    for name in ("draw", "blur", "smooth"):
        require(given or not getattr(options, name), f"--{name} goes with --source or --camera-size")
    importlib.import_module("fastscnn_edge.commands.run")  # an estimate begins with what a run has loaded
    work = Workload()
    if given:
        work = workload_of(
            [options.source] if options.source else [],
            options.draw,
            options.camera_size,
            options.recursive,
            options.max_size,
        )._replace(blurring=options.blur, smoothing=options.smooth)
    for path in options.models:
        check_limit(options.limit, path, lambda: work, "--limit")
    rows = [
        row_of(
            path,
            work,
            Probe(
                str(path),
                options.threads,
                None if options.source is None else str(options.source),
                options.camera_size,
                options.draw,
                options.max_size,
                options.recursive,
                options.blur,
                options.smooth,
                options.pixel_range,
                not options.stored_orientation,
            )
            if options.measure
            else None,
        )
        for path in options.models
    ]
    if options.json:
        print(json.dumps([facts(row) for row in rows], indent=1))
        return 0
    print(table(rows))
    if options.measure and not given:
        print("\n".join(fits(rows)))
    return 0
