"""``fastscnn-edge export``, also ``python -m fastscnn_edge.export``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..command import guarded, parser, positive, require, size

_EXAMPLES = """
fastscnn-edge export --checkpoint best.safetensors --precision int8 --calibration pictures/ --out model.tflite
fastscnn-edge export --checkpoint calibrated.safetensors --out model.tflite
fastscnn-edge export --checkpoint calibrated.safetensors --keep-float fusion/higher 'pyramid/*' --out model.tflite
fastscnn-edge export --checkpoint fast_scnn_mmseg.pth --precision fp32 --size 512x1024 --out model.tflite
"""


def build_parser() -> argparse.ArgumentParser:
    result = parser(
        "export",
        "Turn a checkpoint into a .tflite, verify it in the interpreter, and say what was found.",
        _EXAMPLES,
    )
    result.add_argument("--checkpoint", type=Path, required=True, metavar="FILE",
                        help="weights: mmsegmentation or Tramac-style .pth, plain state dict, or our .safetensors")
    result.add_argument("--format", choices=["tflite"], default="tflite", help="file format (default: tflite)")
    result.add_argument("--precision", choices=["int8", "fp32", "fp16", "dynamic"], default="int8",
                        help="int8: integers throughout, the one for boards (default); fp32; fp16: weights halved; "
                             "dynamic: int8 weights with float activations, a smaller file but slower than fp32")
    result.add_argument("--keep-float", nargs="+", action="extend", default=[], metavar="LAYER",
                        help="convolutions of an int8 file to leave in float32, by the names 'fastscnn-edge "
                             "sensitivity' prints; a pattern like 'pyramid/*' takes the convolutions it matches")
    result.add_argument("--int16-activations", nargs="+", action="extend", default=[], metavar="LAYER",
                        help="likewise, to read and write int16 in place of int8")
    result.add_argument("--size", type=size, metavar="HxW",
                        help="input height x width in pixels (default: what the checkpoint was trained at, "
                             "else 512x1024); any size works, multiples of 32 waste nothing")
    result.add_argument("--calibration", type=Path, metavar="DIR",
                        help="folder of typical pictures; int8 needs it unless 'fastscnn-edge calibrate' has put "
                             "scales into the checkpoint; other precisions use it for verification")
    result.add_argument("--calibration-count", type=positive, default=32, metavar="N",
                        help="pictures taken from the folder, evenly spread over its sorted names (default: 32)")
    result.add_argument("--out", type=Path, required=True, metavar="FILE", help="the .tflite to write")
    return result


def main(argv: list[str] | None = None) -> int:
    """Returns the exit status."""
    return guarded(lambda: _run(build_parser().parse_args(argv)))


def _run(args: argparse.Namespace) -> int:
    require(args.out.suffix == ".tflite", f"--out {args.out} should end in .tflite")
    require(not args.out.is_dir(), f"--out {args.out} is a folder; name a file in it")
    # Imported late: --help and usage errors should not wait for torch.
    from .convert import Request, export_tflite
    from .verify import describe

    request = Request(args.checkpoint, args.out, args.precision, args.size, args.calibration, args.calibration_count,
                      tuple(args.keep_float), tuple(args.int16_activations))
    spec, verification = export_tflite(request)
    print(f"wrote       {args.out}")
    print(f"model       Fast-SCNN ({spec.dialect}), {spec.precision}, {spec.height}x{spec.width}, "
          f"{len(spec.classes)} classes")
    print(describe(verification))
    if args.calibration is None:
        print("note        compared on a synthetic picture, unlike what the weights know; --calibration DIR compares "
              "on real ones")
    return 0


if __name__ == "__main__":
    sys.exit(main())
