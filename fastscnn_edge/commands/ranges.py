"""``fastscnn-edge ranges``: show int8 range utilization per channel, before and after equalization."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from .._version import __version__
from ..cli.arguments import file_path, positive, size
from ..cli.command import guarded, parser
from ..cli.images import add_image_options, add_recursive_option, reader_of
from ..cli.outputs import check_result_path
from ..errors import require
from ..files import write_text
from ..text import count_of

if TYPE_CHECKING:
    from ..quantization.analysis.channel_ranges import LayerRanges

_DESCRIPTION = """\
Show how much of the int8 range each channel uses, before and after cross-layer equalization: all channels
of an activation share one scale, and the table shows how many of its steps their peaks reach. It lists
every activation with a scale of its own; channels that were always 0 do not count.
"""

_EXAMPLES = """
fastscnn-edge ranges --checkpoint best.safetensors --calibration pictures/
fastscnn-edge ranges --checkpoint best.safetensors --calibration pictures/ --plot ranges.png
fastscnn-edge ranges --checkpoint best.safetensors --calibration pictures/ --layer stem fusion/add --plot ranges.png
"""

_DRAWN = 2
"""Layers that a plot shows by default, besides those made of parts."""


def build_parser() -> argparse.ArgumentParser:
    result = parser("ranges", _DESCRIPTION, _EXAMPLES)
    add = result.add_argument
    add("--checkpoint", type=file_path, required=True, metavar="FILE", help="float weights in any supported format")
    add("--calibration", type=file_path, required=True, metavar="DIR", help="folder of typical pictures")
    add("--calibration-count", type=positive, default=32, metavar="N", help="number of pictures from it (default: 32)")
    add(
        "--scheme",
        choices=["affine", "symmetric"],
        default="affine",
        help="zero points (affine) or none (default: affine)",
    )
    add(
        "--size",
        type=size,
        metavar="HxW",
        help="height x width of the input (default: the checkpoint's training size, else 512x1024)",
    )
    add(
        "--layer",
        nargs="+",
        metavar="NAME",
        help=f"layers to plot, in this order (default: the {_DRAWN} that gain most, and the pyramid's concat)",
    )
    add_recursive_option(result)
    add("--json", type=file_path, metavar="FILE", help="also write the figures, channel by channel, to this file")
    add("--plot", type=file_path, metavar="FILE", help="also draw them as a chart, .png")
    add_image_options(result)
    return result


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    return guarded(lambda: _run(build_parser().parse_args(argv)))


def _run(args: argparse.Namespace) -> int:
    if args.json:
        check_result_path("--json", args.json, ".json", [args.checkpoint])
    if args.plot:
        check_result_path("--plot", args.plot, ".png", [args.checkpoint])
    require(args.layer is None or args.plot is not None, "--layer chooses what --plot draws; give --plot as well")
    # Imported late: --help and usage errors should not wait for torch.
    from tqdm import tqdm

    from ..quantization.analysis.channel_ranges import measure_channel_ranges, range_table
    from ..quantization.calibration.calibration_images import calibration_files, load_image
    from ..quantization.calibration.scheme import SCHEMES
    from ..quantization.graph.lower import lower
    from ..quantization.ptq.recipes import bars
    from ..reference.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(args.checkpoint)
    height, width = args.size or checkpoint.trained_size
    graph = lower(checkpoint.model, checkpoint.normalization, height, width)
    reader = reader_of(args)
    files = calibration_files(args.calibration, args.calibration_count, args.recursive, reader.warn)
    images = [load_image(graph, file, reader) for file in tqdm(files, "read pictures", leave=False, disable=None)]
    with bars() as show:
        layers = measure_channel_ranges(graph, images, SCHEMES[args.scheme], progress=show)
    # The files first: the reader of the table (head, less) may close the pipe.
    if args.plot:
        from ..quantization.analysis.plotting import save_png
        from ..quantization.analysis.range_chart import draw_ranges

        subtitle = (
            f"a channel's greatest magnitude; {args.scheme}, {height}x{width}, {count_of(len(images), 'picture')}"
        )
        chosen = choose(layers, args.layer)
        save_png(draw_ranges("How many int8 steps each channel reaches", subtitle, chosen), args.plot)
    if args.json:
        write_text(args.json, to_json(layers, len(images), args))
    print(range_table(layers))
    return 0


def choose(layers: Sequence[LayerRanges], names: Sequence[str] | None) -> list[LayerRanges]:
    """Choose the layers with these names, in this order; by default, those that gain most and those made of parts.

    Raises:
        UsageError: there is no such layer.
    """
    if names is None:
        whole = [layer for layer in layers if len(layer.parts) == 1]
        return whole[:_DRAWN] + [layer for layer in layers if len(layer.parts) > 1]
    known = {layer.name: layer for layer in layers}
    for name in names:
        require(name in known, f"no layer '{name}' has a scale of its own; one of: {', '.join(sorted(known))}")
    return [known[name] for name in names]


def to_json(layers: Sequence[LayerRanges], images: int, args: argparse.Namespace) -> str:
    """Encode the layers in the table's order; ``steps`` are the channels' peaks, 0 for one that was always 0."""
    from ..quantization.analysis.channel_ranges import summary

    rows = [
        {
            "name": layer.name,
            "bits_gained": layer.bits_gained,
            "parts": {part.name: [part.channels.start, part.channels.stop] for part in layer.parts},
            **{
                side: {**asdict(summary(peaks)), "steps": [round(float(peak), 3) for peak in peaks]}
                for side, peaks in (("before", layer.before), ("after", layer.after))
            },
        }
        for layer in layers
    ]
    report = {
        "checkpoint": str(args.checkpoint),
        "scheme": args.scheme,
        "pictures": images,
        "version": __version__,
        "layers": rows,
    }
    return json.dumps(report) + "\n"
