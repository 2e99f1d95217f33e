"""Copies the runs' small files to ``results/`` and prints what they came to.

``python -m tools.study.collect --runs DIR --out tools/study/results`` writes ``NAME.csv`` (the curve) and
``NAME.confusion.csv`` of every run, and ``summary.csv``: the last evaluation of each, and, where f1, f2 and f3 of one
recipe are all there, a row ``pooled-...`` from the sum of their confusion matrices.
"""

from __future__ import annotations

import argparse
import csv
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from ._package import Confusion

FOLDS = ("f1", "f2", "f3")


def read_confusion(path: Path) -> tuple[list[str], np.ndarray]:
    """Class names, and pixel counts int64 [C, C], rows the truth."""
    with path.open(newline="") as file:
        first, *rows = csv.reader(file)
    return first[1:], np.array([row[1:] for row in rows], np.int64)


def scores(counts: np.ndarray) -> list[float]:
    """mIoU, then the IoU of every class, in percent."""
    confusion = Confusion(len(counts))
    confusion.counts += counts
    result = confusion.scores()
    return [round(100 * value, 2) for value in (result.miou, *result.iou)]


def last_evaluated(curve: Path) -> tuple[str, str]:
    """The last epoch of a curve with a score, and the number of epochs run."""
    with curve.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return next((row["epoch"] for row in reversed(rows) if row["miou"]), ""), rows[-1]["epoch"]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True, metavar="DIR", help="what tools.study.queue wrote")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    lines: list[list[Any]] = []
    matrices: dict[str, np.ndarray] = {}
    labels: list[str] = []
    for run in sorted(args.runs.iterdir()):
        if not (run / "curve.csv").exists() or not (run / "confusion.csv").exists():
            continue
        shutil.copyfile(run / "curve.csv", args.out / f"{run.name}.csv")
        shutil.copyfile(run / "confusion.csv", args.out / f"{run.name}.confusion.csv")
        labels, matrices[run.name] = read_confusion(run / "confusion.csv")
        state = "done" if (run / "done").exists() else "under way"
        lines.append([run.name, state, *last_evaluated(run / "curve.csv"), *scores(matrices[run.name])])
    recipes = sorted({name.partition("-")[2] for name in matrices})
    for recipe in recipes:
        parts = [f"{fold}-{recipe}" for fold in FOLDS]
        if all(part in matrices and (args.runs / part / "done").exists() for part in parts):
            lines.append([f"pooled-{recipe}", "done", "", "", *scores(np.sum([matrices[part] for part in parts], 0))])
    header = ["run", "state", "epoch", "epochs run", "miou", *labels]
    with (args.out / "summary.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *lines])
    for line in [header, *lines]:
        print(" ".join(f"{value!s:<22}" if i == 0 else f"{value!s:>10}" for i, value in enumerate(line)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
