"""``fastscnn-edge sensitivity``: rank operations by what they lose in int8."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from .._version import __version__
from ..cli.arguments import file_path, positive, size
from ..cli.command import guarded, parser
from ..cli.images import add_image_options, add_recursive_option
from ..cli.labels import add_label_options, check_dataset, reading_of
from ..cli.outputs import check_result_path
from ..cli.weights import add_checkpoint_options, loading_of
from ..errors import require
from ..files import write_text

if TYPE_CHECKING:
    from ..quantization.analysis.sensitivity import Sensitivity

_DESCRIPTION = """\
Quantize one operation at a time, all others float, and rank the operations by what the logits lose: the
signal-to-quantization-noise ratio (SQNR, higher is better) and, with --data, the mIoU.
"""

_EXAMPLES = """
fastscnn-edge sensitivity --checkpoint best.safetensors --calibration pictures/
fastscnn-edge sensitivity --checkpoint best.safetensors --data camvid/ --json layers.json --plot layers.png
fastscnn-edge sensitivity --checkpoint best.safetensors --calibration pictures/ --recipe plain --scheme symmetric
"""


def build_parser() -> argparse.ArgumentParser:
    result = parser("sensitivity", _DESCRIPTION, _EXAMPLES)
    add = result.add_argument
    add("--checkpoint", type=file_path, required=True, metavar="FILE", help="float weights in any supported format")
    add(
        "--calibration",
        type=file_path,
        metavar="DIR",
        help="folder of typical pictures (default: --data's train split)",
    )
    add("--calibration-count", type=positive, default=32, metavar="N", help="number of pictures from it (default: 32)")
    add(
        "--pictures",
        type=positive,
        default=4,
        metavar="N",
        help="pictures of these on which SQNR is measured (default: 4)",
    )
    add("--data", type=file_path, metavar="DIR", help="labeled dataset, to measure mIoU as well (minutes)")
    add("--split", default="val", metavar="NAME", help="split of the dataset (default: val)")
    add("--limit", type=positive, metavar="N", help="only N pictures of the split, evenly spread")
    add(
        "--recipe",
        choices=["plain", "fast", "accurate"],
        default="fast",
        help="quantization recipe (default: fast; plain is min-max without equalization)",
    )
    add(
        "--scheme",
        choices=["affine", "symmetric"],
        default="affine",
        help="with or without zero points (default: affine)",
    )
    add(
        "--size",
        type=size,
        metavar="HxW",
        help="height x width of the input (default: the checkpoint's training size, else 512x1024)",
    )
    add("--json", type=file_path, metavar="FILE", help="also write the figures to this file")
    add("--plot", type=file_path, metavar="FILE", help="also draw them as a chart, .png")
    add_recursive_option(result)
    add_checkpoint_options(result)
    add_image_options(result)
    add_label_options(result)
    return result


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    return guarded(lambda: _run(build_parser().parse_args(argv)))


def _run(args: argparse.Namespace) -> int:
    if args.json:
        check_result_path("--json", args.json, ".json", [args.checkpoint])
    if args.plot:
        check_result_path("--plot", args.plot, ".png", [args.checkpoint])
    require(args.calibration is not None or args.data is not None, "give --calibration, --data or both")
    # Imported late: --help and usage errors should not wait for torch.
    from tqdm import tqdm

    from ..evaluation.datasets import open_dataset
    from ..quantization.analysis.sensitivity import measure_sensitivity, sensitivity_table
    from ..quantization.calibration.calibration_images import calibration_files, load_image, spread
    from ..quantization.calibration.scheme import SCHEMES
    from ..quantization.graph.lower import lower
    from ..quantization.ptq.recipes import bars, quantize_both
    from ..reference.checkpoint import load_checkpoint

    dataset, reading = None, reading_of(args)
    if args.data is not None:
        dataset = open_dataset(args.data, args.split, reading=reading)
        check_dataset(dataset, args.split)
        dataset = replace(dataset, samples=spread(dataset.samples, args.limit or len(dataset)))
    checkpoint = load_checkpoint(args.checkpoint, loading_of(args))
    require(
        dataset is None or len(dataset.classes) == len(checkpoint.classes),
        f"the checkpoint has other classes than {args.data}",
    )
    height, width = args.size or checkpoint.trained_size
    graph = lower(checkpoint.model, checkpoint.normalization, height, width)
    reader = reading.images
    if args.calibration is None:
        train = open_dataset(args.data, "train", reading=reading)
        files = spread([picture for picture, _ in train.samples], args.calibration_count)
    else:
        files = calibration_files(args.calibration, args.calibration_count, args.recursive, reader.warn)
    images = [load_image(graph, file, reader) for file in tqdm(files, "read pictures", leave=False, disable=None)]
    with bars() as show:
        both = quantize_both(graph, images, SCHEMES[args.scheme], args.recipe, progress=show)
        rows = measure_sensitivity(both.real, both.integer, spread(images, args.pictures), dataset, progress=show)
    # The files first: the reader of the table (head, less) may close the pipe.
    if args.json:
        write_text(args.json, to_json(rows, args))
    if args.plot:
        from ..quantization.analysis.plotting import save_png
        from ..quantization.analysis.sensitivity_chart import draw_sensitivity

        save_png(draw_sensitivity(rows, f"{args.scheme}, recipe {args.recipe}, {height}x{width}"), args.plot)
    print(sensitivity_table(rows))
    return 0


def to_json(rows: Sequence[Sensitivity], args: argparse.Namespace) -> str:
    """Encode the rows in the table's order; an infinite SQNR (nothing changed) is null."""
    operations = [{**asdict(row), "sqnr": row.sqnr if math.isfinite(row.sqnr) else None} for row in rows]
    report = {
        "checkpoint": str(args.checkpoint),
        "scheme": args.scheme,
        "recipe": args.recipe,
        "data": None if args.data is None else str(args.data),
        "version": __version__,
        "operations": operations,
    }
    return json.dumps(report, indent=1) + "\n"
