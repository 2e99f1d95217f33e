"""``fastscnn-edge compare-quantizers``: compare the mIoU of this package's recipes with ONNX Runtime's quantizer."""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ..cli.arguments import file_path, positive, size
from ..cli.command import guarded, parser
from ..cli.images import add_image_options, add_recursive_option, reader_of
from ..cli.labels import add_label_options, check_dataset, reading_of
from ..cli.outputs import check_result_path
from ..cli.weights import add_checkpoint_options, loading_of
from ..errors import require
from ..export.compare.quantizers import QuantizerScore, _miou, _ways
from ..files import write_text
from ..text import count_of

if TYPE_CHECKING:
    pass

_DESCRIPTION = """\
Quantize one float checkpoint with several methods and the same calibration pictures, and print the mIoU
of each and its difference to the float model: this package's recipes for both schemes (affine as .tflite
and .onnx, symmetric as .onnx for TensorRT), and ONNX Runtime's quantize_static, asymmetric and symmetric,
weights per channel. All methods get the same resized pictures and compute masks in the same way.
"""

_EXAMPLES = """
fastscnn-edge compare-quantizers --checkpoint best.safetensors --calibration camvid/train/images --data camvid/
fastscnn-edge compare-quantizers --checkpoint best.safetensors --calibration pictures/ --data camvid/ --split test \\
    --also qat/affine.safetensors qat/symmetric.safetensors --json table.json
"""


def build_parser() -> argparse.ArgumentParser:
    result = parser("compare-quantizers", _DESCRIPTION, _EXAMPLES)
    add = result.add_argument
    add("--checkpoint", type=file_path, required=True, metavar="FILE", help="float weights in any supported format")
    add("--calibration", type=file_path, required=True, metavar="DIR", help="folder of typical pictures")
    add("--calibration-count", type=positive, default=32, metavar="N", help="number of pictures from it (default: 32)")
    add("--data", type=file_path, required=True, metavar="DIR", help="labeled dataset, CamVid or Cityscapes layout")
    add("--split", default="val", metavar="NAME", help="split of the dataset (default: val)")
    add("--limit", type=positive, metavar="N", help="only the first N pictures of the split")
    add(
        "--size",
        type=size,
        metavar="HxW",
        help="height x width of the input (default: the checkpoint's training size, else 512x1024)",
    )
    add(
        "--also",
        type=file_path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="further networks made by 'fastscnn-edge quantize', for example by training, to measure as well",
    )
    add("--json", type=file_path, metavar="FILE", help="also write the table to this file")
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
        check_result_path("--json", args.json, ".json", [args.checkpoint, *args.also])
    # Imported late: --help and usage errors should not wait for torch.
    from ..evaluation.datasets import open_dataset
    from ..export.prepare import ExportSource, prepare
    from ..quantization.quantized_file import is_quantized_file

    dataset = open_dataset(args.data, args.split, args.limit, reading_of(args))
    check_dataset(dataset, args.split)
    for path in args.also:
        require(is_quantized_file(path), f"{path} is not a quantized network; make one with 'fastscnn-edge quantize'")
    source = ExportSource(
        args.checkpoint,
        "fp32",
        args.size,
        args.calibration,
        args.calibration_count,
        reader=reader_of(args),
        loading=loading_of(args),
        recursive=args.recursive,
    )
    prepared = prepare(source)
    require(
        len(prepared.classes) == len(dataset.classes),
        f"{args.checkpoint} has {count_of(len(prepared.classes), 'class')}, {args.data} has {len(dataset.classes)}",
    )
    rows: list[QuantizerScore] = []
    print(f"{'scheme':<10}  {'method':<22}  {'file':<6}  {'mIoU %':>6}  to float")
    with tempfile.TemporaryDirectory() as folder:
        for scheme, method, file, predict in _ways(args, prepared, Path(folder)):
            rows.append(QuantizerScore(scheme, method, file, _miou(predict, dataset, f"{scheme} {method} {file}")))
            if args.json:  # after each row, and before it is printed: hours may end early, and head may close the pipe
                report = {"split": args.split, "pictures": len(dataset), "rows": [asdict(row) for row in rows]}
                write_text(args.json, json.dumps(report, indent=1) + "\n")
            row, difference = rows[-1], 100 * (rows[-1].miou - rows[0].miou)
            print(
                f"{row.scheme:<10}  {row.method:<22}  {row.file:<6}  {100 * row.miou:6.2f}  {difference:+.2f}",
                flush=True,
            )
    print(
        f"{count_of(len(dataset), 'picture')} of {args.split}, {len(prepared.images)} for calibration, "
        f"{prepared.size[0]}x{prepared.size[1]}"
    )
    return 0
