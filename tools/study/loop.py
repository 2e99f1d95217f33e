"""One training loop for teacher and student: resumable after every epoch, a CSV, weight average, stops at SIGTERM."""

from __future__ import annotations

import argparse
import csv
import io
import math
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

from ._package import Confusion, Dataset, Predictor, mixed_seed, moving_average, write_state, write_text
from .strong_views import StrongViews

INTERRUPTED = 130
"""Exit status of a run that was stopped and can be resumed."""


@dataclass(frozen=True)
class Plan:
    """How long and how fast.

    Attributes:
        factor: learning rate as a share of its peak, of the progress 0..1.
        ema: decay of the weight average.
        every: epochs between evaluations.
        minutes: stop cleanly after so many, at the end of an epoch; 0 never.
    """

    epochs: int
    batch: int
    seed: int
    factor: Callable[[float], float]
    ema: float
    every: int
    bfloat16: bool
    minutes: float


class Training:
    """Model, average, optimizer and curve of one run.

    Args:
        out: folder of ``last.pt``, ``curve.csv`` and ``confusion.csv``.
        options: everything that decides the outcome, plain values; kept in ``last.pt``.
        loss: scalar of images uint8 [N, h, w, 3] and labels uint8 [N, h, w]; called under autocast by itself.
        predictor: from a model in evaluation mode.
        save: writes the average; called with it after every evaluation.
    """

    def __init__(
        self,
        out: Path,
        model: nn.Module,
        optimizer: Optimizer,
        plan: Plan,
        options: dict[str, Any],
        loss: Callable[[Tensor, Tensor], Tensor],
        predictor: Callable[[nn.Module], Predictor],
        save: Callable[[nn.Module, float], None],
    ) -> None:
        self.out, self.model, self.optimizer, self.plan, self.options = out, model, optimizer, plan, options
        self.loss, self.predictor, self.save = loss, predictor, save
        self.average = AveragedModel(model, multi_avg_fn=moving_average(plan.ema), use_buffers=True)
        self.epoch = 0
        self.rows: list[dict[str, float | int | str]] = []
        self.stopped = False

    def run(self, views: StrongViews, held: Dataset, resume: bool) -> int:
        """Train to the last epoch; returns 0, or 130 if stopped before."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        self.out.mkdir(parents=True, exist_ok=True)
        if resume:
            self._restore()
        elif (self.out / "last.pt").exists():
            raise SystemExit(f"{self.out} already holds a run: go on with --resume, or choose another --out")
        started = time.monotonic()
        while self.epoch < self.plan.epochs:
            began = time.monotonic()
            loss = self._epoch(views)
            if loss is None:
                return INTERRUPTED
            rate = self.optimizer.param_groups[-1]["lr"]
            self.epoch += 1
            row: dict[str, float | int | str] = {
                "epoch": self.epoch,
                "loss": round(loss, 5),
                "rate": f"{rate:.3e}",
                "seconds": round(time.monotonic() - began, 1),
            }
            if self.epoch % self.plan.every == 0 or self.epoch == self.plan.epochs:
                row |= self._evaluate(held)
            self.rows.append(row)
            self._save(held)
            print(" ".join(f"{key} {value}" for key, value in row.items()), flush=True)
            if self.stopped or 0 < self.plan.minutes < (time.monotonic() - started) / 60:
                break
        return 0 if self.epoch >= self.plan.epochs else INTERRUPTED

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self.stopped = True

    def _epoch(self, views: StrongViews) -> float | None:
        """Mean loss of one epoch, None if it was stopped on the way."""
        # What dropout and thinning draw depends on the epoch alone, so a resumed run goes on alike.
        torch.manual_seed(mixed_seed(self.plan.seed, self.epoch, 0))
        self.model.train()
        losses, steps = [], views.steps(self.plan.batch)
        for step, (images, labels) in enumerate(views.batches(self.epoch, self.plan.batch)):
            factor = self.plan.factor((self.epoch + step / steps) / self.plan.epochs)
            for group in self.optimizer.param_groups:
                group["lr"] = group["peak"] * factor
            loss = self.loss(images, labels)
            value = float(loss.detach())
            if not math.isfinite(value):
                raise SystemExit(f"the loss became {value} in epoch {self.epoch + 1}")
            self.optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
            self.optimizer.step()
            self.average.update_parameters(self.model)
            losses.append(value)
            if self.stopped and step + 1 < steps:
                return None
        return float(np.mean(losses))

    def _evaluate(self, held: Dataset) -> dict[str, float]:
        """Percent by column, of the average over all held-out images; also saves the average."""
        average = self.average.module.eval()
        confusion = confusion_of(self.predictor(average), held)
        write_confusion(self.out / "confusion.csv", confusion, held)
        scores = confusion.scores()
        self.save(average, scores.miou)
        return score_columns(confusion, held)

    def _save(self, held: Dataset) -> None:
        write_state(
            self.out / "last.pt",
            {
                "model": self.model.state_dict(),
                "average": self.average.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "epoch": self.epoch,
                "rows": self.rows,
                "options": self.options,
            },
        )
        write_curve(self.out / "curve.csv", self.rows, held)

    def _restore(self) -> None:
        state = torch.load(self.out / "last.pt", map_location="cpu", weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch, self.rows = state["epoch"], list(state["rows"])
        changed = [key for key, value in self.options.items() if state["options"].get(key) != value]
        if changed:
            print(f"note: resumed with other options than before: {', '.join(changed)}", flush=True)


def confusion_of(predict: Predictor, dataset: Dataset) -> Confusion:
    """Pixel counts over all images of ``dataset``, each at its own size."""
    confusion = Confusion(len(dataset.classes))
    for index in range(len(dataset)):
        image, labels = dataset.pair(index)
        confusion.add(labels, predict(image))
    return confusion


def score_columns(confusion: Confusion, dataset: Dataset) -> dict[str, float]:
    """Column name to percent: ``miou``, then every class."""
    scores = confusion.scores()
    values = dict(zip(dataset.classes.labels, scores.iou, strict=True))
    return {key: round(100 * value, 2) for key, value in {"miou": scores.miou, **values}.items()}


def write_curve(path: Path, rows: list[dict[str, Any]], dataset: Dataset) -> None:
    """One row an epoch; where nothing was evaluated the scores are empty."""
    file = io.StringIO()
    writer = csv.DictWriter(
        file, ["epoch", "loss", "rate", "seconds", "miou", *dataset.classes.labels], lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, file.getvalue())


def write_confusion(path: Path, confusion: Confusion, dataset: Dataset) -> None:
    """Pixel counts, a row a true class."""
    lines = [",".join(["truth", *dataset.classes.labels])]
    lines += [
        ",".join([label, *map(str, row)])
        for label, row in zip(dataset.classes.labels, confusion.counts.tolist(), strict=True)
    ]
    write_text(path, "\n".join(lines) + "\n")


def add_loop_options(parser: argparse.ArgumentParser, *, epochs: int, ema: float) -> None:
    """The options both commands share."""
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="DIR", help="dataset: train trains, val is held out")
    add("--out", type=Path, required=True, metavar="DIR", help="folder of the run")
    add("--resume", action="store_true", help="go on with the run in --out")
    add("--epochs", type=int, default=epochs, metavar="N", help="(%(default)s)")
    add("--batch", type=int, default=8, metavar="N", help="(%(default)s)")
    add("--crop", type=int, nargs=2, default=(360, 480), metavar="N", help="height and width of the views")
    add("--seed", type=int, default=0, metavar="N", help="(%(default)s)")
    add("--ema", type=float, default=ema, metavar="X", help="decay of the weight average (%(default)s)")
    add(
        "--balance",
        type=float,
        default=1.10,
        metavar="X",
        help="class weights 1 / ln(X + frequency); 0: none (%(default)s)",
    )
    add("--dice", type=float, default=0.5, metavar="X", help="weight of the Dice loss (%(default)s)")
    add("--evaluate-every", type=int, default=10, metavar="N", help="epochs between evaluations (%(default)s)")
    add("--bfloat16", action="store_true", help="compute the networks in bfloat16")
    add("--threads", type=int, default=1, metavar="N", help="CPU threads (%(default)s)")
    add("--minutes", type=float, default=0, metavar="X", help="stop cleanly after the epoch that exceeds so many")


def plan_of(args: argparse.Namespace, factor: Callable[[float], float]) -> Plan:
    return Plan(args.epochs, args.batch, args.seed, factor, args.ema, args.evaluate_every, args.bfloat16, args.minutes)


def options_of(args: argparse.Namespace) -> dict[str, Any]:
    """What decides the outcome, in values that JSON knows; of paths the last two parts, for no machine's folders."""
    skipped = {"out", "resume", "threads", "minutes"}
    return {key: _plain(value) for key, value in vars(args).items() if key not in skipped}


def _plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_plain(part) for part in value]
    return "/".join(value.parts[-2:]) if isinstance(value, Path) else value
