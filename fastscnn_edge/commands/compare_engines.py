"""``fastscnn-edge compare-engines``: compare the logits of one int8 network in every engine."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ..cli.arguments import file_path, positive, size
from ..cli.command import guarded, parser
from ..cli.images import add_image_options, add_recursive_option, reader_of
from ..cli.outputs import check_result_path
from ..export.compare.engines import FLOAT, Tally, as_integers, open_engines
from ..files import write_text
from ..text import count_of

if TYPE_CHECKING:
    pass

_DESCRIPTION = """\
Write one quantized network as .tflite and .onnx, run both in every installed engine, and compare the logits
with those of the integer evaluator (quantization/graph/evaluator.py), which defines the exact integers. A step
is one unit of an int8 logit.
"""

_EXAMPLES = """
fastscnn-edge compare-engines --checkpoint int8.safetensors --pictures camvid/val/images
fastscnn-edge compare-engines --checkpoint int8.safetensors --pictures pictures/ --limit 8 --json engines.json
"""


def build_parser() -> argparse.ArgumentParser:
    result = parser("compare-engines", _DESCRIPTION, _EXAMPLES)
    add = result.add_argument
    add(
        "--checkpoint",
        type=file_path,
        required=True,
        metavar="FILE",
        help="network made by 'fastscnn-edge quantize', or a float checkpoint that carries scales",
    )
    add("--pictures", type=file_path, required=True, metavar="DIR", help="folder of pictures to run")
    add("--limit", type=positive, metavar="N", help="only N of them, evenly spread over the sorted names")
    add("--size", type=size, metavar="HxW", help="height x width of the input (default: the size of quantization)")
    add_recursive_option(result)
    add("--json", type=file_path, metavar="FILE", help="also write the figures to this file")
    add_image_options(result)
    return result


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    return guarded(lambda: _run(build_parser().parse_args(argv)))


def _run(args: argparse.Namespace) -> int:
    if args.json:
        check_result_path("--json", args.json, ".json", [args.checkpoint])
    # Imported late: --help and usage errors should not wait for torch.
    from tqdm import tqdm

    from ..export.prepare import ExportSource, prepare
    from ..quantization.calibration.calibration_images import calibration_files, load_image
    from ..quantization.graph.evaluator import run

    reader = reader_of(args)
    files = calibration_files(args.pictures, args.limit or sys.maxsize, args.recursive)
    prepared = prepare(ExportSource(args.checkpoint, size=args.size))
    with tempfile.TemporaryDirectory() as folder:
        engines = open_engines(prepared, Path(folder))
        tallies = {name: Tally() for name in (FLOAT, *engines)}
        for file in tqdm(files, "compare", leave=False, disable=None):
            image = load_image(prepared.graph, file, reader)
            expected = run(prepared.graph, image)
            tallies[FLOAT].add(expected, as_integers(prepared.graph, run(prepared.float_graph, image)))
            for name, logits in engines.items():
                tallies[name].add(expected, logits(image))
    table = {name: tally.summary() for name, tally in tallies.items()}
    # The file first: the reader of the table (head, less) may close the pipe.
    if args.json:
        report = {
            "pictures": len(files),
            "scheme": prepared.scheme,
            "engines": {name: asdict(row) for name, row in table.items()},
        }
        write_text(args.json, json.dumps(report, indent=1) + "\n")
    height, width = prepared.size
    print(
        f"{count_of(len(files), 'picture')}, {height}x{width}, {prepared.scheme} scheme; against the integer evaluator:"
    )
    print(f"{'engine':<34}  largest    rms  differing  beyond 1 step  same class")
    for name, row in table.items():
        print(
            f"{name:<34}  {row.largest:>7}  {row.rms:5.2f}  {100 * row.differing:>8.2f}%  "
            f"{100 * row.beyond_one:>12.2f}%  {100 * row.same_class:>9.2f}%"
        )
    return 0
