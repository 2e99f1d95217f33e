"""Quantization-aware training: fine-tune the folded graph with its rounding simulated, distilled from the
float model.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from ...errors import CheckpointError, UsageError, require
from ...evaluation.datasets import Dataset
from ...evaluation.evaluate import Predictor, evaluate_predictor
from ...reference.checkpoint import Checkpoint
from ...reference.loss import class_weights, segmentation_loss, thin
from ...reference.model import resize
from ...reference.processes import EvaluationStoppedError, Stop, stoppable
from ...reference.training_state import changed_options, read_state, write_state
from ...reference.views import Views, batches, normalize, view_loader
from ...runtime.images import resize_image
from ...spec import Normalization
from ..calibration.scheme import Scheme
from ..graph.graph import Graph, quantization_of
from ..graph.network import INPUT_ZERO
from ..ptq.ptq import with_parameters
from ..ptq.recipes import Quantized
from .fake_quant import FakeQuantGraph

_PIXELS = Normalization((INPUT_ZERO,) * 3, (1.0, 1.0, 1.0))

STATE_SUFFIX = ".qat.pt"
"""Ending of the state file beside the file a run makes: ``int8.safetensors`` has ``int8.qat.pt``."""


@dataclass(frozen=True)
class QatConfig:
    """Options of quantization-aware training.

    Attributes:
        rate: peak learning rate of weights and biases; falls along a cosine to zero. Folded weights have no batch
            norm behind them, so it must be far below training's.
        scale_rate: the same for the logarithms of the activation scales.
        zero_point_rate: the same for zero points, in integer steps.
        distillation: weight of the divergence from the float model's logits, beside the labels' loss.
        ema: decay of the weight average that is evaluated and written.
        balance, dice, label_stride: as in training, see TrainConfig.
    """

    epochs: int = 30
    batch: int = 8
    rate: float = 1e-5
    scale_rate: float = 1e-4
    zero_point_rate: float = 1e-3
    distillation: float = 1.0
    ema: float = 0.998
    balance: float = 1.10
    dice: float = 0.5
    label_stride: int = 2
    seed: int = 0


@dataclass(frozen=True)
class QatResult:
    """Result of a run: the best int8 graph by val mIoU, and the progress.

    Attributes:
        graph: None if the run was stopped before the first evaluation.
        miou: that of the fake-quantized model, 0..1.
        epoch: whole epochs done, earlier calls included.
    """

    graph: Graph | None
    miou: float
    epoch: int
    interrupted: bool


def train_qat(
    checkpoint: Checkpoint,
    start: Quantized,
    scheme: Scheme,
    train_set: Dataset,
    val_set: Dataset,
    state: Path,
    config: QatConfig,
    *,
    resume: bool = False,
    workers: int = 1,
    evaluate_every: int = 5,
) -> QatResult:
    """Fine-tune ``start.real`` from the scales of ``start.integer``.

    Args:
        checkpoint: the float model ``start`` was made from; its model is the teacher.
        state: file that ``resume`` continues from, renewed after every epoch and evaluation.

    Raises:
        CheckpointError: nothing to resume, or another network's state.
        UsageError: ``state`` holds a run and ``resume`` is not set, or training diverges.
    """
    if not resume and state.exists():
        raise UsageError(f"{state} holds a run of the same name: go on with --resume, or choose another --out")
    run = _Run(checkpoint, start, scheme, train_set, val_set, state, config)
    if resume:
        run.restore()
    loader = view_loader(run.views, config.batch, workers, 0, 1)
    with Stop(1) as stop:
        while True:
            # First, so that a run cut off in an evaluation makes up for it; the start is evaluated as well, since
            # training must beat it.
            if run.owes_evaluation(evaluate_every):
                run.evaluate(stop)
            if stop.asked or run.epoch >= config.epochs:
                break
            run.run_epoch(loader, stop)
        unfinished = run.epoch < config.epochs or run.owes_evaluation(evaluate_every)
    return QatResult(run.best_graph(), run.miou, run.epoch, stop.asked and unfinished)


class _Run:
    """Training state, including progress: student, teacher, average, optimizer."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        start: Quantized,
        scheme: Scheme,
        train_set: Dataset,
        val_set: Dataset,
        state: Path,
        config: QatConfig,
    ) -> None:
        self.teacher, self.normalization = checkpoint.model.eval(), checkpoint.normalization
        self.val_set, self.state, self.config, self.scheme = val_set, state, config, scheme
        self.align_corners = checkpoint.model.dialect.align_corners
        _, height, width, _ = start.real.tensors[start.real.input].shape
        self.size = (height, width)
        self.views = Views(train_set, self.size, config.seed)
        scales = {t.name: quantization_of(t) for t in start.integer.tensors.values() if t.data is None}
        self.student = FakeQuantGraph(start.real, scales, scheme)
        self.ema = AveragedModel(self.student, multi_avg_fn=get_ema_multi_avg_fn(config.ema))  # type: ignore[no-untyped-call]
        self.optimizer = torch.optim.AdamW(_groups(self.student, config), weight_decay=0.0)
        self.peaks = [group["lr"] for group in self.optimizer.param_groups]
        self.weights = class_weights(train_set, config.balance) if config.balance else None
        self.epoch, self.evaluated, self.miou = 0, -1, -1.0
        self.best: dict[str, Tensor] | None = None

    def owes_evaluation(self, every: int) -> bool:
        """Whether the weights of the last whole epoch must be evaluated and have not been."""
        due = self.epoch >= self.config.epochs or self.epoch % every == 0
        return due and self.evaluated < self.epoch

    def run_epoch(self, loader: Any, stop: Stop) -> None:
        """Train for one epoch; if it is stopped on the way, nothing of it counts."""
        self.views.epoch = self.epoch
        torch.manual_seed(self.config.seed * 1_000_003 + self.epoch)
        steps, losses = len(loader), []
        title = f"qat epoch {self.epoch + 1}/{self.config.epochs}"
        bar = tqdm(batches(loader), title, steps, leave=False, disable=None)
        for step, (images, labels) in enumerate(bar):
            progress = (self.epoch + step / steps) / self.config.epochs
            losses.append(self._step(images, labels, 0.5 * (1 + math.cos(math.pi * progress))))
            bar.set_postfix(loss=f"{np.mean(losses[-50:]):.3f}", best=f"{100 * max(self.miou, 0):.2f}")
            if stop.asked and step + 1 < steps:
                return
        self.epoch += 1
        self._save()

    def _step(self, images: Tensor, labels: Tensor, share_of_peak: float) -> float:
        for group, peak in zip(self.optimizer.param_groups, self.peaks, strict=True):
            group["lr"] = peak * share_of_peak
        with torch.no_grad():
            taught = self.teacher(normalize(images, self.normalization))
        logits = self.student(normalize(images, _PIXELS))
        thinned = thin(labels, self.config.label_stride).long()
        loss = segmentation_loss([logits], thinned, self.weights, self.config.dice, self.align_corners)
        loss = loss + self.config.distillation * divergence(logits, taught)
        value = float(loss.detach())
        require(math.isfinite(value), f"the loss became {value} in epoch {self.epoch + 1}: choose a lower --rate")
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.student.parameters(), 5.0)
        self.optimizer.step()
        self.ema.update_parameters(self.student)
        return value

    def evaluate(self, stop: Stop) -> None:
        """Score the weight average on the val split and remember it if it is the best; a stop leaves it owed."""
        student = self.ema.module
        predict = stoppable(fake_quant_predictor(student, self.size, self.align_corners), stop)
        try:
            miou = evaluate_predictor(predict, self.val_set, "val").miou
        except EvaluationStoppedError:
            return
        tqdm.write(f"qat epoch {self.epoch}: val mIoU {100 * miou:.2f} %")
        if miou > self.miou:
            self.miou = miou
            self.best = {key: value.clone() for key, value in student.state_dict().items()}
        self.evaluated = self.epoch
        self._save()

    def best_graph(self) -> Graph | None:
        """The int8 graph of the best average."""
        if self.best is None:
            return None
        self.student.load_state_dict(self.best)
        graph, parameters = self.student.trained()
        return with_parameters(graph, parameters)

    def _save(self) -> None:
        state = {
            "student": self.student.state_dict(),
            "ema": self.ema.state_dict(),
            "best": self.best,
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
            "evaluated": self.evaluated,
            "miou": self.miou,
            "scheme": self.scheme.name,
            "config": asdict(self.config),
        }
        write_state(self.state, state)

    def restore(self) -> None:
        """Continue from what :meth:`_save` wrote.

        Raises:
            CheckpointError: there is nothing, or it is of another network or scheme.
        """
        path = self.state
        state = read_state(path)
        try:
            if state["scheme"] != self.scheme.name:
                raise CheckpointError(f"{path} is of scheme '{state['scheme']}', not '{self.scheme.name}'")
            self.student.load_state_dict(state["student"])
            self.ema.load_state_dict(state["ema"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.best, self.epoch, self.miou = state["best"], state["epoch"], state["miou"]
            self.evaluated = state["evaluated"]
            note = changed_options(state["config"], asdict(self.config))
            if not (type(self.epoch) is type(self.evaluated) is int and isinstance(self.miou, float)):
                raise ValueError("its progress is not in numbers")
        except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise CheckpointError(f"{path} cannot be resumed from: {reason}") from error
        if note:
            tqdm.write(note)


def divergence(student: Tensor, teacher: Tensor) -> Tensor:
    """Kullback-Leibler divergence of the student's class probabilities from the teacher's, mean over grid points.

    Args:
        student, teacher: logits [N, C, h, w].
    """
    target = F.log_softmax(teacher, 1)
    return F.kl_div(F.log_softmax(student, 1), target, reduction="none", log_target=True).sum(1).mean()


def fake_quant_predictor(model: nn.Module, size: tuple[int, int], align_corners: bool) -> Predictor:
    """The fake-quantized model as a predictor; images are resized to ``size`` as the runtime does."""

    @torch.inference_mode()
    def predict(image: np.ndarray) -> np.ndarray:
        x = normalize(torch.tensor(resize_image(image, *size))[None], _PIXELS)
        logits = resize(model(x), image.shape[:2], align_corners)
        return logits[0].argmax(0).to(torch.uint8).numpy()

    return predict


def _groups(student: FakeQuantGraph, config: QatConfig) -> list[dict[str, Any]]:
    """Parameter groups with their peak rates: weights, scales, zero points."""
    named = dict(student.named_parameters())
    scales = [p for name, p in named.items() if name.endswith("log_scale")]
    zero_points = [p for name, p in named.items() if name.endswith("zero_point") and p.requires_grad]
    weights = [p for name, p in named.items() if not name.startswith("rounders.")]
    return [
        {"params": weights, "lr": config.rate},
        {"params": scales, "lr": config.scale_rate},
        {"params": zero_points, "lr": config.zero_point_rate},
    ]
