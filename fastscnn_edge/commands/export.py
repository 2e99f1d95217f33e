"""``fastscnn-edge export``, also ``python -m fastscnn_edge.export``."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..cli.arguments import positive, size
from ..cli.command import guarded, parser
from ..errors import require
from ..export.to_onnx.options import DYNAMICS, FIXED, HEADS, INPUTS, LOGITS, TARGETS, UINT8, OnnxOptions

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
        "Turn a checkpoint into a .tflite or an .onnx, verify it in its engine, and say what was found.",
        _EXAMPLES,
    )
    result.add_argument(
        "--checkpoint",
        type=Path,
        required=True,
        metavar="FILE",
        help="weights: mmsegmentation or Tramac-style .pth, plain state dict, or our .safetensors",
    )
    result.add_argument(
        "--format", choices=["tflite", "onnx"], help="file format (default: what --out ends in, else tflite)"
    )
    result.add_argument(
        "--precision",
        choices=["int8", "fp32", "fp16", "dynamic"],
        default="int8",
        help="int8: integers throughout, the one for boards (default); fp32; fp16: weights halved; "
        "dynamic: int8 weights with float activations, a smaller file but slower than fp32",
    )
    result.add_argument(
        "--keep-float",
        nargs="+",
        action="extend",
        default=[],
        metavar="LAYER",
        help="convolutions of an int8 .tflite to leave in float32, by the names 'fastscnn-edge "
        "sensitivity' prints; a pattern like 'pyramid/*' takes the convolutions it matches",
    )
    result.add_argument(
        "--int16-activations",
        nargs="+",
        action="extend",
        default=[],
        metavar="LAYER",
        help="likewise, to read and write int16 in place of int8",
    )
    result.add_argument(
        "--size",
        type=size,
        metavar="HxW",
        help="input height x width in pixels (default: what the checkpoint was trained at, "
        "else 512x1024); any size works, multiples of 32 waste nothing",
    )
    result.add_argument(
        "--calibration",
        type=Path,
        metavar="DIR",
        help="folder of typical pictures; int8 needs it unless 'fastscnn-edge calibrate' has put "
        "scales into the checkpoint; other precisions use it for verification",
    )
    result.add_argument(
        "--calibration-count",
        type=positive,
        metavar="N",
        help="pictures taken from the folder, evenly spread over its sorted names (default: 32, at "
        "sizes above 512x1024 fewer, at least 8)",
    )
    result.add_argument(
        "--recipe",
        choices=["plain", "fast", "accurate"],
        default="fast",
        help="how int8 is made from pictures: plain takes the extremes that were seen; fast equalizes "
        "channels first, seconds (default); accurate also rounds weights and corrects biases, "
        "minutes; 'fastscnn-edge quantize' keeps the result for further exports",
    )
    result.add_argument("--out", type=Path, required=True, metavar="FILE", help="the .tflite or .onnx to write")
    onnx = result.add_argument_group("only for .onnx")
    onnx.add_argument(
        "--target",
        choices=TARGETS,
        help="engine to write for. ort-x86: uint8 activations, integer kernels on every CPU (default); "
        "ort-arm64: int8 activations, for ARM cores with dot products; tensorrt: int8 without zero "
        "points (default for weights quantized by the symmetric scheme)",
    )
    onnx.add_argument(
        "--input",
        choices=INPUTS,
        default=UINT8,
        help="uint8: camera frames as they are, [N, H, W, 3] (default, and what 'fastscnn-edge run' "
        "needs); pixels: float32 [N, 3, H, W] of 0..255; normalized: the same, with the "
        "checkpoint's mean and std applied by the caller",
    )
    onnx.add_argument(
        "--head",
        choices=HEADS,
        default=LOGITS,
        help="logits: on the 1/8 grid, the mask is made outside, exactly and faster (default, and what "
        "'fastscnn-edge run' needs); upsampled: logits at full size; argmax: the class map",
    )
    onnx.add_argument(
        "--dynamic",
        choices=DYNAMICS,
        default=FIXED,
        help="extents left open: batch, size (height and width), all, or no (default); --size is then the typical one",
    )
    return result


def main(argv: list[str] | None = None) -> int:
    """Returns the exit status."""
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
    )
    options = OnnxOptions(args.input, args.head, dynamic=args.dynamic)
    request = ExportRequest(source, args.out, args.target, options)
    if kind == "onnx":
        spec, found = export_onnx(request)
        description = describe_onnx(found)
    else:
        require(
            args.target is None and options == OnnxOptions(),
            "--target, --input, --head and --dynamic are for .onnx files",
        )
        spec, verification = export_tflite(request)
        description = describe_tflite(verification)
    print(f"wrote       {args.out}")
    print(
        f"model       Fast-SCNN ({spec.dialect}), {spec.precision}, {spec.height}x{spec.width}, "
        f"{len(spec.classes)} classes"
    )
    print(description)
    if args.calibration is None:
        print(
            "note        compared on a synthetic picture, unlike what the weights know; --calibration DIR compares "
            "on real ones"
        )
    return 0
