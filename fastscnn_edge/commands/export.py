"""``fastscnn-edge export``: convert a checkpoint to .tflite or .onnx; also ``python -m fastscnn_edge.export``."""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict

from ..cli.arguments import file_path, positive, size
from ..cli.command import guarded, parser
from ..cli.images import add_image_options, add_recursive_option, reader_of
from ..cli.weights import add_checkpoint_options, loading_of
from ..errors import require
from ..export.to_onnx.options import DYNAMICS, FIXED, HEADS, INPUTS, LOGITS, TARGETS, UINT8, OnnxOptions
from ..text import count_of, printable

_EXAMPLES = """
fastscnn-edge export --checkpoint best.safetensors --precision int8 --calibration pictures/ --out model.tflite
fastscnn-edge export --checkpoint calibrated.safetensors --out model.tflite
fastscnn-edge export --checkpoint calibrated.safetensors --keep-float fusion/higher 'pyramid/*' --out model.tflite
fastscnn-edge export --checkpoint fast_scnn_mmseg.pth --precision fp32 --size 512x1024 --out model.tflite
fastscnn-edge export --checkpoint symmetric.safetensors --format onnx --target tensorrt --out jetson.onnx
fastscnn-edge export --checkpoint best.safetensors --precision fp16 --head argmax --dynamic all --out model.onnx
"""


def build_parser() -> argparse.ArgumentParser:
    result = parser(
        "export",
        "Convert a checkpoint to .tflite or .onnx, verify the file in its engine, and report the differences.",
        _EXAMPLES,
    )
    result.add_argument(
        "--checkpoint",
        type=file_path,
        required=True,
        metavar="FILE",
        help="weights: mmsegmentation or Tramac-style .pth, plain state dict, or our .safetensors",
    )
    result.add_argument(
        "--format", choices=["tflite", "onnx"], help="file format (default: the suffix of --out, else tflite)"
    )
    result.add_argument(
        "--precision",
        choices=["int8", "fp32", "fp16", "dynamic"],
        default="int8",
        help="int8: integers throughout, for boards (default); fp32; fp16: half the file size; "
        "dynamic: int8 weights with float activations, a smaller file but slower than fp32",
    )
    result.add_argument(
        "--keep-float",
        nargs="+",
        action="extend",
        default=[],
        metavar="LAYER",
        help="convolutions of an int8 .tflite to keep in float32, named as in the table of 'fastscnn-edge "
        "sensitivity', or patterns such as 'pyramid/*'",
    )
    result.add_argument(
        "--int16-activations",
        nargs="+",
        action="extend",
        default=[],
        metavar="LAYER",
        help="convolutions of an int8 .tflite that read and write int16 instead of int8, named likewise",
    )
    result.add_argument(
        "--size",
        type=size,
        metavar="HxW",
        help="height x width of the input in pixels (default: the checkpoint's training size, "
        "else 512x1024); any size works, multiples of 32 waste nothing",
    )
    result.add_argument(
        "--calibration",
        type=file_path,
        metavar="DIR",
        help="folder of typical pictures; int8 needs it unless the checkpoint carries scales "
        "('fastscnn-edge calibrate'); other precisions use it for verification",
    )
    result.add_argument(
        "--calibration-count",
        type=positive,
        metavar="N",
        help="number of pictures, evenly spread over the sorted names (default: 32; fewer at sizes above "
        "512x1024, at least 8)",
    )
    add_recursive_option(result)
    result.add_argument(
        "--recipe",
        choices=["plain", "fast", "accurate"],
        default="fast",
        help="how int8 is made from pictures: plain uses the observed extremes; fast first equalizes "
        "channels, seconds (default); accurate also optimizes weight rounding and corrects biases, "
        "minutes; 'fastscnn-edge quantize' saves the result for further exports",
    )
    result.add_argument("--out", type=file_path, required=True, metavar="FILE", help="the .tflite or .onnx to write")
    onnx = result.add_argument_group("only for .onnx")
    onnx.add_argument(
        "--target",
        choices=TARGETS,
        help="target engine. ort-x86: uint8 activations, integer kernels on every CPU (default); "
        "ort-arm64: int8 activations, for ARM cores with dot products; tensorrt: int8 without zero "
        "points (default for weights of the symmetric scheme)",
    )
    onnx.add_argument(
        "--input",
        choices=INPUTS,
        default=UINT8,
        help="uint8: RGB frames as they are, [N, H, W, 3] (default, required by 'fastscnn-edge run'); "
        "pixels: float32 [N, 3, H, W], 0..255; normalized: float32 [N, 3, H, W], mean and std applied by the caller",
    )
    onnx.add_argument(
        "--head",
        choices=HEADS,
        default=LOGITS,
        help="output. logits: on the 1/8 grid, the mask is computed outside, exactly and faster (default, required by "
        "'fastscnn-edge run'); upsampled: logits at full size; argmax: the class map",
    )
    onnx.add_argument(
        "--dynamic",
        choices=DYNAMICS,
        default=FIXED,
        help="dynamic axes: batch, size (height and width), all, or no (default); --size is then the typical size",
    )
    result.add_argument("--json", action="store_true", help="print what was written and found as JSON instead")
    add_checkpoint_options(result)
    add_image_options(result)
    return result


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    return guarded(lambda: _run(build_parser().parse_args(argv)))


def _run(args: argparse.Namespace) -> int:
    kind = args.format or ("onnx" if args.out.suffix == ".onnx" else "tflite")
    require(args.out.suffix == f".{kind}", f"--out {args.out} should end in .{kind}")
    require(not args.out.is_dir(), f"--out {args.out} is a folder; name a file in it")
    # Imported late: --help and usage errors should not wait for torch.
    from ..export.convert import ExportRequest, export_onnx, export_tflite
    from ..export.prepare import ExportSource
    from ..export.to_onnx.verify import describe_onnx
    from ..export.to_tflite.verify import describe_tflite

    source = ExportSource(
        args.checkpoint,
        args.precision,
        args.size,
        args.calibration,
        args.calibration_count,
        args.recipe,
        tuple(args.keep_float),
        tuple(args.int16_activations),
        reader_of(args),
        loading_of(args),
        args.recursive,
    )
    options = OnnxOptions(args.input, args.head, dynamic=args.dynamic)
    request = ExportRequest(source, args.out, args.target, options)
    if kind == "onnx":
        spec, found = export_onnx(request)
        description, facts = describe_onnx(found), asdict(found)
    else:
        require(
            args.target is None and options == OnnxOptions(),
            "--target, --input, --head and --dynamic are for .onnx files",
        )
        spec, verification = export_tflite(request)
        description, facts = describe_tflite(verification), asdict(verification)
    if args.json:
        # An infinite SQNR (nothing changed) is null: JSON has no infinity.
        facts = {key: None if value == math.inf else value for key, value in facts.items()}
        print(json.dumps({"file": str(args.out), "spec": asdict(spec), "verification": facts}, indent=1))
        return 0
    print(f"wrote       {printable(str(args.out))}")
    print(
        f"model       Fast-SCNN ({spec.dialect}), {spec.precision}, {spec.height}x{spec.width}, "
        f"{count_of(len(spec.classes), 'class')}"
    )
    print(description)
    if args.calibration is None:
        print(
            "note        compared on a synthetic picture, unlike the training data; --calibration DIR compares on "
            "real ones"
        )
    return 0
