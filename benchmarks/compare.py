"""Side by side with other inference engines: from a uint8 frame to its class map at full size.

Same machine, weights, pictures, calibration pictures and number of threads; every contestant in a process of its own;
rounds in which each takes its turn, in another order each time. Other engines come pinned, each in its own environment.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import sys
from pathlib import Path

from fastscnn_edge.cli.arguments import positive, size, threads
from fastscnn_edge.cli.command import guarded
from fastscnn_edge.errors import EXIT_INTERRUPTED, UsageError
from fastscnn_edge.evaluation.datasets import open_dataset
from fastscnn_edge.files import sha256, write_text
from fastscnn_edge.quantization.calibration.calibration_images import calibration_files
from fastscnn_edge.runtime.board.board import read_board

from .build import FRAMES, Inputs, build
from .case import Plan, measure_case, reference_classes
from .contestants import CONTESTANTS
from .repeat import compare_runs
from .results import BenchmarkComparison, Case, load, save
from .table import benchmark_markdown, by_pixels

ROOT = Path(__file__).resolve().parent.parent
BUNDLED = ROOT / "fastscnn_edge" / "weights" / "fastscnn_camvid.safetensors"
SIZES = ((360, 480), (512, 1024), (1024, 2048))

_EXAMPLES = """examples:
  python -m benchmarks.compare --out comparison.json
  python -m benchmarks.compare --data camvid --pictures camvid/val/images --calibration camvid/train/images \\
      --out comparison.json --markdown comparison.md --plot comparison.png
  python -m benchmarks.compare --checkpoint mmseg.pth --sizes 1024x2048 --threads 1 --only ours,ORT --out quick.json
  python -m benchmarks.compare --show comparison.json --markdown comparison.md
  python -m benchmarks.compare --show again.json --against comparison.json

Nothing else should run meanwhile. The first run installs the other engines, about 2 GB; Ctrl-C keeps the
finished cases.
"""


def build_parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        prog="python -m benchmarks.compare",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add("--checkpoint", type=Path, default=BUNDLED, metavar="FILE", help="float weights (default: the bundled)")
    add("--sizes", type=_sizes, default=SIZES, metavar="HxW,...", help="(default: 360x480,512x1024,1024x2048)")
    add("--threads", type=_counts, default=(1, 2), metavar="N,...", help="(default: 1,2)")
    add(
        "--pictures",
        type=Path,
        default=ROOT / "examples" / "street",
        metavar="DIR",
        help="what is segmented: 4 of them, evenly spread (default: examples/street)",
    )
    add("--calibration", type=Path, metavar="DIR", help="for every INT8 contestant (default: the same as --pictures)")
    add("--data", type=Path, metavar="DIR", help="dataset: mIoU of everyone, at sizes that its pictures have")
    add("--rounds", type=positive, default=9, metavar="N", help="turns of each contestant in a case (default: 9)")
    add(
        "--only",
        type=lambda text: text.split(","),
        metavar="WORD,...",
        help="only contestants whose names contain one of these",
    )
    add(
        "--cache",
        type=Path,
        default=Path.home() / ".cache" / "fastscnn_edge" / "benchmarks",
        metavar="DIR",
        help="environments and files of the other engines (default: %(default)s)",
    )
    add("--out", type=Path, metavar="FILE.json", help="every sample")
    add("--markdown", type=Path, metavar="FILE.md", help="the tables")
    add("--plot", type=Path, metavar="FILE.png", help="the last case as a picture")
    add("--show", type=Path, metavar="FILE.json", help="measure nothing: tables and plot of an earlier --out")
    add(
        "--against",
        type=Path,
        metavar="FILE.json",
        help="list the ratios outside the intervals of an earlier --out",
    )
    add("--by-pixels", action="store_true", help="a short table instead: one row a size and number of threads")
    return result


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status: 130 after Ctrl-C, with the finished cases written."""
    return guarded(lambda: _run(build_parser().parse_args(argv)))


def _run(args: argparse.Namespace) -> int:
    if args.show:
        _write(load(args.show), args)
        return 0
    chosen = [c for c in CONTESTANTS if not args.only or any(word in c.name for word in args.only)]
    if not chosen:
        raise UsageError(
            f"no contestant has '{','.join(args.only)}' in its name; "
            f"there are: {'; '.join(c.name for c in CONTESTANTS)}"
        )
    if not args.checkpoint.is_file():
        raise UsageError(f"no such checkpoint: {args.checkpoint}")
    inputs = Inputs(args.checkpoint, args.calibration or args.pictures, calibration_files(args.pictures, FRAMES))
    cache = args.cache.resolve()
    plan = Plan(chosen, args.rounds, cache, open_dataset(args.data, "val") if args.data else None)
    cases: list[Case] = []
    interrupted = False
    try:
        for extent in args.sizes:
            built = build(inputs, extent, {c.model for c in chosen}, cache)
            reference = reference_classes(built)
            for threads in args.threads:
                cases.append(measure_case(plan, built, reference, threads))
                if args.out:  # hours may end early
                    save(BenchmarkComparison(_about(args), cases), args.out)
    except KeyboardInterrupt:
        interrupted = True
    _write(BenchmarkComparison(_about(args), cases), args)
    return EXIT_INTERRUPTED if interrupted else 0


def _write(comparison: BenchmarkComparison, args: argparse.Namespace) -> None:
    text = by_pixels(comparison) if args.by_pixels else benchmark_markdown(comparison)
    # The files first: the reader of the table (head, less) may close the pipe.
    if args.out:
        save(comparison, args.out)
    if args.markdown:
        write_text(args.markdown, text)
    print(text, end="")
    if args.against:
        count, outside = compare_runs(load(args.against), comparison)
        print(f"\n{count - len(outside)} of {count} ratios are within the intervals of {args.against}")
        print("".join(f"- {one}\n" for one in outside), end="")
    if args.plot and comparison.cases:
        # Imported late: --help should not wait for matplotlib.
        from fastscnn_edge.quantization.analysis.plotting import save_png

        from .chart import draw

        save_png(draw(comparison.cases[-1]), args.plot)


def _about(args: argparse.Namespace) -> dict[str, object]:
    board = read_board()
    return {
        "machine": f"{board.cpu}, {', '.join(board.integer_features)}, {board.usable_cores} usable cores, "
        f"Linux {board.kernel}",
        "python": platform.python_version(),
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "weights": f"{args.checkpoint.name}, sha256 {sha256(args.checkpoint)[:12]}",
        "pictures": args.pictures.name,
        "rounds": args.rounds,
    }


def _sizes(text: str) -> tuple[tuple[int, int], ...]:
    return tuple(size(part) for part in text.split(","))


def _counts(text: str) -> tuple[int, ...]:
    return tuple(threads(part) for part in text.split(","))


if __name__ == "__main__":
    sys.exit(main())
