"""Do other engines compute the same from our .onnx? Each in its own environment, compared with our evaluator.

    python -m device_tests.interop
    python -m device_tests.interop --peers openvino,ncnn --markdown table.md
    python -m device_tests.interop --checkpoint best.safetensors --size 512x1024 --pictures frames/
    python -m device_tests.interop --calibration camvid/train/images      # INT8 as well

Needs the export extra. What cannot be installed here is reported, with the command and its last line. Exit status 1
if a float file differs by more than rounding explains.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from fastscnn_edge.cli.arguments import positive, size
from fastscnn_edge.cli.command import guarded
from fastscnn_edge.files import write_text

from .models import image_files, reference_logits, write_models
from .peers import PEERS, peers_of, run_peer
from .report import InteropResult, interop_markdown

ROOT = Path(__file__).resolve().parents[2]
BUNDLED = ROOT / "fastscnn_edge" / "weights" / "fastscnn_camvid.safetensors"
STREET = ROOT / "examples" / "street"

FLOAT_TOLERANCE = 1e-3
"""Relative to the largest logit: engines may reorder sums and use faster convolutions, nothing more."""


def build_parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        prog="python -m device_tests.interop", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("--peers", default=",".join(p.name for p in PEERS), help="comma-separated (default: all)")
    result.add_argument("--checkpoint", type=Path, default=BUNDLED, metavar="FILE", help="(default: the bundled one)")
    result.add_argument("--size", type=size, default=(360, 480), metavar="HxW", help="(default: 360x480)")
    result.add_argument(
        "--pictures", type=Path, action="append", metavar="DIR", help="may be repeated (default: examples/street)"
    )
    result.add_argument("--count", type=positive, default=8, metavar="N", help="pictures of each folder (default: 8)")
    result.add_argument("--calibration", type=Path, metavar="DIR", help="compare INT8 files too, made with these")
    result.add_argument(
        "--cache",
        type=Path,
        default=Path.home() / ".cache" / "fastscnn_edge" / "interop",
        metavar="DIR",
        help="environments and written files (default: %(default)s)",
    )
    result.add_argument("--json", type=Path, metavar="FILE", help="write the results here")
    result.add_argument("--markdown", type=Path, metavar="FILE", help="write the table here")
    return result


def _run(args: argparse.Namespace) -> int:
    peers, cache = peers_of(args.peers), args.cache.resolve()
    files = image_files(args.pictures or [STREET], args.count)
    cache.mkdir(parents=True, exist_ok=True)
    frames, reference = reference_logits(args.checkpoint, args.size, files)
    models = write_models(args.checkpoint, args.size, args.calibration, cache)
    results: list[InteropResult] = []
    for peer in peers:
        print(peer.name, file=sys.stderr)
        results += run_peer(peer, models, frames, reference, cache)
    table = interop_markdown(results)
    if args.markdown:
        write_text(args.markdown, table)
    if args.json:
        write_text(args.json, json.dumps({"pictures": len(files), "results": [asdict(r) for r in results]}, indent=1))
    print(table, end="")
    wrong = [r for r in results if r.largest is not None and r.model.startswith("fp32") and r.largest > FLOAT_TOLERANCE]
    return 1 if wrong else 0


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    return guarded(lambda: _run(build_parser().parse_args(argv)))
