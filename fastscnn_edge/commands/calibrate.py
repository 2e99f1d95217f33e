"""``fastscnn-edge calibrate``: add activation scales to a checkpoint, so that int8 exports need no pictures."""

from __future__ import annotations

import argparse

from ..cli.arguments import file_path, positive, size
from ..cli.command import guarded, parser
from ..cli.images import add_image_options, add_recursive_option, reader_of
from ..cli.outputs import check_result_path
from ..cli.weights import add_checkpoint_options, loading_of
from ..text import count_of, printable

_EXAMPLES = """
fastscnn-edge calibrate --checkpoint best.safetensors --calibration pictures/ --out calibrated.safetensors
fastscnn-edge export --checkpoint calibrated.safetensors --out model.tflite
"""


def build_parser() -> argparse.ArgumentParser:
    result = parser(
        "calibrate",
        "Observe activations on typical pictures and write a copy of the checkpoint with their int8 scales.\n"
        "Exporting the copy needs no pictures, and gives the same file everywhere.",
        _EXAMPLES,
    )
    result.add_argument(
        "--checkpoint", type=file_path, required=True, metavar="FILE", help="float weights in any supported format"
    )
    result.add_argument(
        "--calibration", type=file_path, required=True, metavar="DIR", help="folder of typical pictures"
    )
    result.add_argument(
        "--calibration-count",
        type=positive,
        default=32,
        metavar="N",
        help="number of pictures, evenly spread over the sorted names (default: 32)",
    )
    add_recursive_option(result)
    result.add_argument(
        "--size",
        type=size,
        metavar="HxW",
        help="height x width of the model's input (default: the checkpoint's training size, else 512x1024)",
    )
    result.add_argument("--out", type=file_path, required=True, metavar="FILE", help="the .safetensors to write")
    add_checkpoint_options(result)
    add_image_options(result)
    return result


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    return guarded(lambda: _run(build_parser().parse_args(argv)))


def _run(args: argparse.Namespace) -> int:
    check_result_path("--out", args.out, ".safetensors", [args.checkpoint])
    # Imported late: --help should not wait for torch.
    from tqdm import tqdm

    from ..quantization.activation_scales import scales_to_plain
    from ..quantization.calibration.calibration_images import calibration_files, load_image
    from ..quantization.calibration.ranges import observe_ranges
    from ..quantization.calibration.scheme import AFFINE
    from ..quantization.graph.lower import lower
    from ..quantization.ptq.ptq import activation_parameters
    from ..reference.checkpoint import load_checkpoint, rewrite_checkpoint

    reader = reader_of(args)
    files = calibration_files(args.calibration, args.calibration_count, args.recursive, reader.warn)
    checkpoint = load_checkpoint(args.checkpoint, loading_of(args))
    height, width = args.size or checkpoint.trained_size
    graph = lower(checkpoint.model, checkpoint.normalization, height, width)
    ranges = observe_ranges(
        graph, (load_image(graph, file, reader) for file in tqdm(files, "calibrate", leave=False, disable=None))
    )
    origin = f"min-max over {count_of(len(files), 'picture')} at {height}x{width}"
    rewrite_checkpoint(
        args.out, checkpoint, scales_to_plain(activation_parameters(graph, ranges, AFFINE), AFFINE, origin)
    )
    print(f"wrote       {printable(str(args.out))}")
    print(f"scales      {origin}")
    print(f"next        fastscnn-edge export --checkpoint {printable(str(args.out))} --out model.tflite")
    return 0
