"""Training: one process, or several under torchrun (data parallel, gloo)."""

from __future__ import annotations

import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, DistributedSampler, RandomSampler
from torch.utils.data import Dataset as TorchDataset
from tqdm import tqdm

from ..errors import CheckpointError, OutputError
from ..files import atomic_path
from ..spec import INT8_NATIVE, Normalisation
from .augment import Augmentation, random_view
from .checkpoint import save_checkpoint
from .datasets import Dataset, open_dataset
from .evaluate import evaluate_model
from .loss import balanced_weights, segmentation_loss
from .model import FastSCNN


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides the outcome; stored in the checkpoint.

    Attributes:
        crop: (height, width) of the training views, pixels.
        batch: pictures a step and process.
        rate: peak learning rate; it rises over ``warmup`` of the steps, then falls as (1 - t)^0.9 (paper, section 4).
        ema: decay of the weight average that is evaluated and saved.
        balance: cross-entropy weights 1 / ln(balance + frequency); 0 leaves them out.
        dice: weight of the Dice loss.
        label_stride: the loss looks at every n-th row and column.
        bfloat16: autocast the network.
    """

    epochs: int = 200
    crop: tuple[int, int] = (360, 480)
    batch: int = 8
    rate: float = 2e-3
    warmup: float = 0.04
    decay: float = 0.01
    ema: float = 0.998
    balance: float = 1.10
    dice: float = 0.5
    label_stride: int = 2
    dialect: str = "mmseg"
    seed: int = 0
    bfloat16: bool = False
    normalisation: Normalisation = INT8_NATIVE


class Views(TorchDataset):
    """Random views; the one of (epoch, index) depends on the seed alone, not on workers or processes."""

    def __init__(self, dataset: Dataset, config: TrainConfig) -> None:
        self.dataset = dataset
        self.config = config
        self.augmentation = Augmentation(config.crop)
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((self.config.seed, self.epoch, index))
        view, labels = random_view(self.dataset.picture(index), self.dataset.labels(index), self.augmentation, rng)
        return torch.from_numpy(view.copy()), torch.from_numpy(labels.copy())


def normalise(pictures: Tensor, normalisation: Normalisation) -> Tensor:
    """uint8 [N, H, W, 3] to float32 [N, 3, H, W], channels-last in memory."""
    mean, std = (torch.tensor(v) for v in (normalisation.mean, normalisation.std))
    return ((pictures.float() - mean) / std).permute(0, 3, 1, 2)


def learning_rate(config: TrainConfig, progress: float) -> float:
    """Rate at ``progress`` 0..1 through the run."""
    if progress < config.warmup:
        return config.rate * (0.01 + 0.99 * progress / config.warmup)
    return config.rate * (1 - (progress - config.warmup) / (1 - config.warmup)) ** 0.9


def train(data: str | Path, out: str | Path, config: TrainConfig, *, resume: bool = False, workers: int = 1,
          evaluate_every: int = 10) -> Path:
    """Train on ``data``'s train split, watch its val split, and write ``out/best.safetensors``.

    ``out/last.pt`` holds what ``resume`` needs and is renewed every epoch. Ctrl-C or SIGTERM ends
    after the current step, keeping everything up to the last whole epoch.

    Returns:
        The path of the best weight average by val mIoU.

    Raises:
        DatasetError: the folders are not a dataset.
        CheckpointError: nothing to resume from, or it was another model.
    """
    run = _Run(open_dataset(data, "train"), open_dataset(data, "val"), Path(out), config)
    if resume:
        run.restore()
    loader = run.loader(workers)
    with _Stop() as stop:
        for epoch in range(run.epoch, config.epochs):
            run.run_epoch(loader, epoch, stop)
            if stop.is_set:
                break
            last = epoch + 1 == config.epochs
            if run.is_main and (last or (epoch + 1) % evaluate_every == 0):
                run.evaluate()
            run.save()
    return run.best_path


class _Run:
    """State of one training run: model, average, optimizer, and where it has come to."""

    def __init__(self, train_set: Dataset, val_set: Dataset, out: Path, config: TrainConfig) -> None:
        self.config, self.out, self.val_set = config, out, val_set
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot write to {out}: {error.strerror}") from error
        self.rank, self.world = _join_process_group()
        torch.manual_seed(config.seed)
        self.views = Views(train_set, config)
        self.model = FastSCNN(len(train_set.classes), config.dialect, auxiliary=True)
        _initialise(self.model)
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
        self.parallel = DistributedDataParallel(_Trainable(self.model)) if self.world > 1 else _Trainable(self.model)
        self.ema = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(config.ema), use_buffers=True)
        self.optimizer = _optimizer(self.model, config)
        self.weights = self._class_weights(train_set) if config.balance else None
        self.epoch, self.best = 0, 0.0
        torch.manual_seed(config.seed + self.rank)  # dropout differs between processes

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    @property
    def best_path(self) -> Path:
        return self.out / "best.safetensors"

    def _class_weights(self, dataset: Dataset) -> Tensor:
        counts = np.zeros(256)
        for index in tqdm(range(len(dataset)), "class frequencies", disable=not self.is_main, leave=False):
            counts += np.bincount(dataset.labels(index).ravel(), minlength=256)
        counts = counts[: len(dataset.classes)]
        return balanced_weights(torch.tensor(counts / counts.sum(), dtype=torch.float32), self.config.balance)

    def loader(self, workers: int) -> DataLoader:
        sampler: DistributedSampler | RandomSampler
        if self.world > 1:
            sampler = DistributedSampler(self.views, self.world, self.rank, seed=self.config.seed)
        else:
            sampler = RandomSampler(self.views, generator=torch.Generator())
        return DataLoader(self.views, self.config.batch, sampler=sampler, num_workers=workers, drop_last=True)

    def run_epoch(self, loader: DataLoader, epoch: int, stop: _Stop) -> None:
        self.views.epoch = epoch
        _reseed(loader.sampler, self.config.seed, epoch)
        self.model.train()
        steps, losses = len(loader), []
        bar = tqdm(loader, f"epoch {epoch + 1}/{self.config.epochs}", disable=not self.is_main, leave=False)
        for step, (pictures, labels) in enumerate(bar):
            rate = learning_rate(self.config, (epoch + step / steps) / self.config.epochs)
            losses.append(self._step(pictures, labels, rate))
            bar.set_postfix(loss=f"{np.mean(losses[-50:]):.3f}", best=f"{100 * self.best:.2f}")
            if stop.is_set:
                return
        self.epoch = epoch + 1

    def _step(self, pictures: Tensor, labels: Tensor, rate: float) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast("cpu", torch.bfloat16, enabled=self.config.bfloat16):
            outputs = self.parallel(normalise(pictures, self.config.normalisation))
        loss = segmentation_loss(outputs, self._thin(labels).long(), self.weights, self.config.dice,
                                 self.model.dialect.align_corners)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()
        self.ema.update_parameters(self.model)
        return float(loss.detach())

    def _thin(self, labels: Tensor) -> Tensor:
        """Every ``label_stride``-th row and column from a random start: the loss at full size costs as much
        as the network, and neighbouring pixels say nearly the same."""
        stride = self.config.label_stride
        row, column = torch.randint(stride, (2,)).tolist()
        return labels[:, row::stride, column::stride]

    def evaluate(self) -> None:
        model = self.ema.module
        scores = evaluate_model(model, self.val_set, self.config.normalisation)
        tqdm.write(f"epoch {self.epoch}: val mIoU {100 * scores.miou:.2f} %")
        if scores.miou > self.best:
            self.best = scores.miou
            facts = {**asdict(self.config), "epoch": self.epoch, "val_miou": round(scores.miou, 5)}
            save_checkpoint(self.best_path, model, self.val_set.classes, self.config.normalisation, facts)

    def save(self) -> None:
        if not self.is_main:
            return
        state = {
            "model": self.model.state_dict(), "ema": self.ema.state_dict(), "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch, "best": self.best, "dialect": self.config.dialect,
        }
        with atomic_path(self.out / "last.pt") as temporary:
            torch.save(state, temporary)

    def restore(self) -> None:
        path = self.out / "last.pt"
        if not path.is_file():
            raise CheckpointError(f"nothing to resume: {path} does not exist; leave out --resume to start anew")
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        if state["dialect"] != self.config.dialect:
            raise CheckpointError(f"{path} is of dialect {state['dialect']}, not {self.config.dialect}")
        try:
            self.model.load_state_dict(state["model"])
            self.ema.load_state_dict(state["ema"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError) as error:
            raise CheckpointError(f"{path} is of another model: {str(error).splitlines()[0]}") from error
        self.epoch, self.best = state["epoch"], state["best"]


class _Trainable(nn.Module):
    """Lets DistributedDataParallel wrap the forward pass that includes the training heads."""

    def __init__(self, model: FastSCNN) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> list[Tensor]:
        return self.model.forward_with_auxiliary(x)


def _optimizer(model: nn.Module, config: TrainConfig) -> Optimizer:
    """AdamW; only dense kernels decay (paper, section 4: no l2 on depthwise convolutions)."""
    decayed, free = [], []
    for parameter in model.parameters():
        dense = parameter.ndim == 4 and parameter.shape[1] > 1
        (decayed if dense else free).append(parameter)
    groups = [{"params": decayed, "weight_decay": config.decay}, {"params": free, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, config.rate)


def _initialise(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _join_process_group() -> tuple[int, int]:
    if "WORLD_SIZE" not in os.environ:
        return 0, 1
    if not dist.is_initialized():
        dist.init_process_group("gloo")
    return dist.get_rank(), dist.get_world_size()


def _reseed(sampler: object, seed: int, epoch: int) -> None:
    """The same order of pictures for the same epoch, also after --resume."""
    if isinstance(sampler, DistributedSampler):
        sampler.set_epoch(epoch)
    elif isinstance(sampler, RandomSampler) and sampler.generator is not None:
        sampler.generator.manual_seed(seed * 1_000_003 + epoch)


class _Stop:
    """Set by the first Ctrl-C or SIGTERM."""

    def __init__(self) -> None:
        self.is_set = False

    def __enter__(self) -> _Stop:
        self._previous = {s: signal.signal(s, self._on_signal) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _on_signal(self, *_: object) -> None:
        self.is_set = True




