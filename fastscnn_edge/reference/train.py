"""Training: one process, or several under torchrun (data parallel, gloo)."""

from __future__ import annotations

import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader
from tqdm import tqdm

from ..errors import CheckpointError, OutputError, UsageError, require
from ..evaluation.datasets import Dataset, Reading, open_dataset
from ..evaluation.evaluate import evaluate_predictor
from ..text import count_of
from .checkpoint import save_checkpoint, stored_state
from .loss import class_weights, segmentation_loss, thin
from .model import FastSCNN
from .optimization import adamw, initialize, mixed_seed, moving_average
from .processes import EvaluationStoppedError, Stop, process_group, rank_and_world_size, rank_zero_only, stoppable
from .torch_predictor import torch_predictor
from .train_config import TrainConfig
from .training_state import changed_options, read_state, write_state
from .views import Views, batches, normalize, view_loader


@dataclass(frozen=True)
class TrainingResult:
    """Result of a call of :func:`train`.

    Attributes:
        best: the file with the best weight average by val mIoU.
        miou: its val mIoU, 0..1; None before the first evaluation.
        epoch: whole epochs done, earlier calls included.
        losses: mean training loss of each of them (of this process).
        interrupted: stopped by a signal before the last epoch was evaluated.
        idle: resumed from a run that had nothing left to do.
    """

    best: Path
    miou: float | None
    epoch: int
    losses: tuple[float, ...]
    interrupted: bool
    idle: bool


def train(
    data: str | Path,
    out: str | Path,
    config: TrainConfig,
    *,
    resume: bool = False,
    workers: int = 1,
    evaluate_every: int = 10,
    reading: Reading | None = None,
) -> TrainingResult:
    """Train on ``data``'s train split, watch its val split, and write ``out/best.safetensors``.

    ``out/last.pt`` holds what ``resume`` needs and is renewed every epoch. Ctrl-C or SIGTERM ends
    after the current step, keeping everything up to the last whole epoch. A resumed run ends with
    the weights an uninterrupted one has. Of several processes only rank 0 evaluates and writes.

    Raises:
        DatasetError: the folders are not a dataset.
        CheckpointError: nothing to resume from, or it was another model.
        UsageError: ``out`` holds a run and ``resume`` is not set, too few images, or training diverges.
        OutputError: ``out`` cannot be written.
    """
    out = Path(out)
    with rank_zero_only():
        train_set, val_set = (open_dataset(data, split, reading=reading) for split in ("train", "val"))
        if not resume:
            _require_unused(out)
        state = read_state(out / "last.pt") if resume else None
        share = math.ceil(len(train_set) / rank_and_world_size()[1])
        require(
            share >= config.batch,
            f"the train split gives each process {count_of(share, 'picture')}, less than one batch of "
            f"{config.batch}; choose a smaller --batch",
        )
        if rank_and_world_size()[0] == 0:
            _make_folder(out)
    with process_group() as (rank, world), Stop(world) as stop:
        run = _Run(train_set, val_set, out, config, rank, world)
        if state:
            run.restore(state)
        loader = view_loader(run.views, config.batch, workers, rank, world)
        idle = run.epoch >= config.epochs and not run.owes_evaluation(evaluate_every)
        while True:
            if run.owes_evaluation(evaluate_every):
                run.evaluate(stop)
            # Also where the other processes wait for rank 0's evaluation.
            if stop.agreed() or run.epoch >= config.epochs:
                break
            run.run_epoch(loader, stop)
        unfinished = run.epoch < config.epochs or run.owes_evaluation(evaluate_every)
    miou = run.best if run.best >= 0 else None
    return TrainingResult(run.best_path, miou, run.epoch, tuple(run.losses), stop.asked and unfinished, idle)


class _Run:
    """Training state, including progress: model, average, optimizer."""

    def __init__(
        self, train_set: Dataset, val_set: Dataset, out: Path, config: TrainConfig, rank: int, world: int
    ) -> None:
        self.config, self.out, self.val_set, self.rank = config, out, val_set, rank
        self.views = Views(train_set, config.crop, config.seed)
        torch.manual_seed(config.seed)
        self.model = FastSCNN(len(train_set.classes), config.dialect, auxiliary=True)
        initialize(self.model)
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
        self.parallel = DistributedDataParallel(_Trainable(self.model)) if world > 1 else _Trainable(self.model)
        self.ema = AveragedModel(self.model, multi_avg_fn=moving_average(config.ema), use_buffers=True)
        self.optimizer = adamw(self.model, config)
        self.weights = class_weights(train_set, config.balance, show=self.is_main) if config.balance else None
        self.epoch, self.evaluated, self.best = 0, 0, -1.0
        self.losses: list[float] = []

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    @property
    def best_path(self) -> Path:
        return self.out / "best.safetensors"

    def owes_evaluation(self, every: int) -> bool:
        """Whether the weights of the last whole epoch are due for evaluation and have not been evaluated."""
        due = self.epoch >= self.config.epochs or self.epoch % every == 0
        return due and self.evaluated < self.epoch

    def run_epoch(self, loader: DataLoader[tuple[Tensor, Tensor]], stop: Stop) -> None:
        """Train for one epoch; if it is stopped on the way, nothing of it counts."""
        self.views.epoch = self.epoch
        # Random numbers of dropout and thinning depend only on the epoch, so a resumed run repeats them.
        torch.manual_seed(mixed_seed(self.config.seed, self.epoch, self.rank))
        self.model.train()
        steps, losses = len(loader), []
        title = f"epoch {self.epoch + 1}/{self.config.epochs}"
        bar = tqdm(batches(loader), title, steps, leave=False, disable=None if self.is_main else True)
        for step, (images, labels) in enumerate(bar):
            rate = self.config.learning_rate((self.epoch + step / steps) / self.config.epochs)
            losses.append(self._step(images, labels, rate))
            bar.set_postfix(loss=f"{np.mean(losses[-50:]):.3f}", best=f"{100 * max(self.best, 0):.2f}")
            if step + 1 < steps and stop.agreed():
                return
        self.epoch += 1
        self.losses.append(float(np.mean(losses)))
        self._save()

    def _step(self, images: Tensor, labels: Tensor, rate: float) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast("cpu", torch.bfloat16, enabled=self.config.bfloat16):
            outputs = self.parallel(normalize(images, self.config.normalization))
        loss = segmentation_loss(
            outputs,
            thin(labels, self.config.label_stride).long(),
            self.weights,
            self.config.dice,
            self.model.dialect.align_corners,
        )
        value = float(loss.detach())
        require(math.isfinite(value), f"the loss became {value} in epoch {self.epoch + 1}: choose a lower --rate")
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()
        self.ema.update_parameters(self.model)
        return value

    def evaluate(self, stop: Stop) -> None:
        """Score the weight average on rank 0 and keep it if it is the best; after a stop it is still due."""
        if self.is_main:
            # The weights as the file will hold them, so that the file has the score it states.
            model = FastSCNN(len(self.val_set.classes), self.config.dialect).eval()
            model.load_state_dict(stored_state(self.ema.module), strict=False)
            predict = torch_predictor(model, self.config.normalization)

            try:
                miou = evaluate_predictor(stoppable(predict, stop), self.val_set, "val").miou
            except EvaluationStoppedError:
                return
            tqdm.write(f"epoch {self.epoch}: loss {self.losses[-1]:.3f}, val mIoU {100 * miou:.2f} %")
            if miou > self.best:
                self.best = miou
                facts = {**asdict(self.config), "epoch": self.epoch, "val_miou": round(miou, 5)}
                save_checkpoint(self.best_path, model, self.val_set.classes, self.config.normalization, facts)
        self.evaluated = self.epoch
        self._save()

    def _save(self) -> None:
        if not self.is_main:
            return
        state = {
            "model": self.model.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
            "evaluated": self.evaluated,
            "best": self.best,
            "losses": self.losses,
            "config": asdict(self.config),
        }
        write_state(self.out / "last.pt", state)

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what :meth:`_save` wrote."""
        try:
            before, now = state["config"], asdict(self.config)
            if before["dialect"] != now["dialect"]:
                raise CheckpointError(f"the run to resume is of dialect {before['dialect']}, not {now['dialect']}")
            self.model.load_state_dict(state["model"])
            self.ema.load_state_dict(state["ema"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.epoch, self.evaluated, self.best = state["epoch"], state["evaluated"], state["best"]
            self.losses = list(state["losses"])
        except (RuntimeError, ValueError, KeyError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise CheckpointError(f"the run to resume is of another model or version: {reason}") from error
        if self.is_main and (note := changed_options(before, now)):
            tqdm.write(note)


class _Trainable(nn.Module):
    """Lets DistributedDataParallel wrap the forward pass that includes the training heads."""

    def __init__(self, model: FastSCNN) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> list[Tensor]:
        return self.model.forward_with_auxiliary(x)


def _require_unused(out: Path) -> None:
    """Refuse a folder that holds a run: a command repeated by mistake must not overwrite hours of training."""
    if any((out / name).exists() for name in ("last.pt", "best.safetensors")):
        raise UsageError(f"{out} already holds a run: go on with --resume, or choose another --out")


def _make_folder(out: Path) -> None:
    """Create ``out`` before the first epoch, and check that files can be written there."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {out}: {error.strerror}; choose a writable folder") from error
    if not os.access(out, os.W_OK):
        raise OutputError(f"cannot write to {out}: no permission; choose a writable folder")
