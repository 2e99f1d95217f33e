"""Ours and what one could use instead, side by side: from a uint8 frame to its class map at full size.

Same machine, weights, pictures, calibration pictures and number of threads; every contestant in a process of its own;
rounds in which each takes its turn, in another order each time. Peers come pinned, in environments of their own.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import platform
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from fastscnn_edge.cli.arguments import positive, size
from fastscnn_edge.cli.command import guarded
from fastscnn_edge.errors import EXIT_INTERRUPTED, UsageError
from fastscnn_edge.evaluation.datasets import Dataset, open_dataset
from fastscnn_edge.evaluation.metrics import Confusion
from fastscnn_edge.files import atomic_path, sha256, write_text
from fastscnn_edge.quantization.calibration.calibration_images import calibration_files
from fastscnn_edge.runtime.board.board import read_board

from .build import FRAMES, Built, Inputs, build
from .chart import draw
from .contestants import CONTESTANTS, OWN, Contestant
from .engines.common import Picture
from .environments import NotRunError, python_of
from .process import Process
from .repeat import compare_runs
from .results import BenchmarkComparison, Case, Measurement, load, save
from .rounds import interleaved
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

Nothing else should run meanwhile. The first run installs the peers, about 2 GB; Ctrl-C keeps the cases that are done.
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
        help="contestants whose names contain one of these",
    )
    add(
        "--cache",
        type=Path,
        default=Path.home() / ".cache" / "fastscnn_edge" / "benchmarks",
        metavar="DIR",
        help="environments and files of the peers (default: %(default)s)",
    )
    add("--out", type=Path, metavar="FILE.json", help="every sample")
    add("--markdown", type=Path, metavar="FILE.md", help="the tables")
    add("--plot", type=Path, metavar="FILE.png", help="the last case as a picture")
    add("--show", type=Path, metavar="FILE.json", help="measure nothing: tables and plot of an earlier --out")
    add(
        "--against",
        type=Path,
        metavar="FILE.json",
        help="say which ratios lie outside the intervals of an earlier --out",
    )
    add("--by-pixels", action="store_true", help="a short table instead: one row a size and number of threads")
    return result


def main(argv: list[str] | None = None) -> int:
    """Returns the exit status: 130 after Ctrl-C, with what was finished written."""
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
    data = open_dataset(args.data, "val") if args.data else None
    cache = args.cache.resolve()
    cases: list[Case] = []
    interrupted = False
    try:
        for extent in args.sizes:
            built = build(inputs, extent, {c.model for c in chosen}, cache)
            reference = _reference(built)
            for threads in args.threads:
                cases.append(_case(chosen, built, reference, threads, args.rounds, cache, data))
    except KeyboardInterrupt:
        interrupted = True
    _write(BenchmarkComparison(_about(args), cases), args)
    return EXIT_INTERRUPTED if interrupted else 0


def _write(comparison: BenchmarkComparison, args: argparse.Namespace) -> None:
    text = by_pixels(comparison) if args.by_pixels else benchmark_markdown(comparison)
    print(text, end="")
    if args.against:
        count, outside = compare_runs(load(args.against), comparison)
        print(f"\n{count - len(outside)} of {count} ratios lie within the intervals of {args.against}")
        print("".join(f"- {one}\n" for one in outside), end="")
    if args.out:
        save(comparison, args.out)
    if args.markdown:
        write_text(args.markdown, text)
    if args.plot and comparison.cases:
        with atomic_path(args.plot) as path:
            draw(comparison.cases[-1]).save(path, "PNG", optimize=True)


def _case(
    chosen: list[Contestant],
    built: Built,
    reference: np.ndarray,
    threads: int,
    rounds: int,
    cache: Path,
    data: Dataset | None,
) -> Case:
    """Every contestant loaded, its masks compared with ``reference``, then the rounds."""
    extent = built.prepared.size
    problems: dict[str, str] = {}
    agreement: dict[str, float] = {}
    miou: dict[str, float] = {}
    with ExitStack() as stack:
        processes = {}
        for contestant in chosen:
            print(f"{extent[0]}x{extent[1]}, {threads}: {contestant.name}", file=sys.stderr)
            try:
                process = stack.enter_context(_start(contestant, built, threads, cache))
                masks = _masks(process, built.frames, built.folder / "masks.raw")
                agreement[contestant.name] = float(np.mean(masks == reference))
                if data is not None and data.pair(0)[0].shape[:2] == extent:
                    miou[contestant.name] = _miou(process, data, built.folder)
                processes[contestant.name] = process
            except NotRunError as error:
                problems[contestant.name] = str(error)
        count = int(np.clip(4 * 512 * 1024 // (extent[0] * extent[1]), 2, 12))
        times = interleaved(processes, built.frames, rounds, count, f"{extent[0]}x{extent[1]}, {threads}")
        peaks = {name: process.ask(peak=True)["peak"] for name, process in processes.items()}
    rows = [
        Measurement(
            c.name,
            c.precision,
            c.ours,
            c.what,
            _versions(c, cache),
            times.get(c.name, ()),
            peaks.get(c.name, 0),
            agreement.get(c.name, 0.0),
            miou.get(c.name),
            problems.get(c.name),
        )
        for c in chosen
    ]
    return Case(extent, threads, rows)


def _start(contestant: Contestant, built: Built, threads: int, cache: Path) -> Process:
    if contestant.model in built.problems:
        raise NotRunError(built.problems[contestant.model])
    model = built.checkpoint if contestant.model == "checkpoint" else built.folder / contestant.model
    python = Path(sys.executable) if contestant.environment == OWN else python_of(contestant.environment, cache)
    facts = {"threads": threads, "picture": built.picture}
    return Process(python, contestant.engine, model, facts, built.folder / f"{contestant.engine}.log")


def _reference(built: Built) -> np.ndarray:
    """Classes of all frames by the float model in PyTorch, in this process: uint8, flat."""
    from .engines.torch import load as load_torch

    height, width = built.prepared.size
    segment = load_torch(built.checkpoint, 2, Picture(*built.picture))  # type: ignore[arg-type]
    frames = np.fromfile(built.frames, np.uint8).reshape(-1, height, width, 3)
    return np.concatenate([segment(frame).reshape(-1) for frame in frames])


def _masks(process: Process, frames: Path, out: Path) -> np.ndarray:
    process.ask(masks=str(frames), out=str(out))
    return np.fromfile(out, np.uint8)


def _miou(process: Process, data: Dataset, folder: Path) -> float:
    """Mean IoU over all of ``data``, a picture at a time, so that the process holds no more than one."""
    confusion = Confusion(len(data.classes))
    picture_file, mask_file = folder / "picture.raw", folder / "mask.raw"
    for index in range(len(data)):
        picture, labels = data.pair(index)
        picture.tofile(picture_file)
        confusion.add(labels, _masks(process, picture_file, mask_file).reshape(labels.shape))
    return float(confusion.scores().miou)


def _versions(contestant: Contestant, cache: Path) -> str:
    own = contestant.environment == OWN
    try:
        python = Path(sys.executable) if own else python_of(contestant.environment, cache)
    except NotRunError:
        return ""
    known = _installed(python)
    return ", ".join(f"{name} {known.get(name.lower(), '?')}" for name in contestant.packages)


@functools.cache
def _installed(python: Path) -> dict[str, str]:
    """Version by package, in lower case; asked once of each environment."""
    script = (
        "import importlib.metadata as m; "
        "print(*(f'{d.metadata[\"Name\"].lower()}={d.version}' for d in m.distributions()))"
    )
    output = subprocess.run([str(python), "-c", script], capture_output=True, text=True, check=True).stdout
    return dict(pair.split("=", 1) for pair in output.split())


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
    return tuple(positive(part) for part in text.split(","))


if __name__ == "__main__":
    sys.exit(main())
