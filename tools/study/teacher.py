"""Trains the teacher: a network that has seen ImageNet, fine-tuned on a fold.

``python -m tools.study.teacher --data FOLD --out DIR``, with ``--resume`` to go on. ``DIR/teacher.pt`` holds the
average of the weights as of the last evaluation, ``DIR/curve.csv`` a row an epoch.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ._package import Predictor, class_weights, open_dataset, resize, segmentation_loss, thin, write_state
from .encoder import VARIANTS, pretrained_encoder
from .loop import Training, add_loop_options, options_of, plan_of
from .strong_views import Strength, StrongViews, add_view_options, strength_of
from .teacher_model import Teacher

WARM_UP = 0.04
"""Share of the steps over which the rate rises."""


def cosine(progress: float) -> float:
    """Learning rate as a share of its peak, at ``progress`` 0..1."""
    if progress < WARM_UP:
        return 0.01 + 0.99 * progress / WARM_UP
    return 0.5 + 0.5 * math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP))


def optimizer_of(model: Teacher, rate: float, encoder_rate: float, decay: float) -> torch.optim.Optimizer:
    """AdamW; the encoder learns more slowly, and only dense kernels decay."""
    groups = []
    for of_encoder, peak in ((True, encoder_rate), (False, rate)):
        parameters = [p for name, p in model.named_parameters() if name.startswith("encoder.") == of_encoder]
        dense = [p for p in parameters if p.ndim == 4 and p.shape[1] > 1]
        others = [p for p in parameters if not (p.ndim == 4 and p.shape[1] > 1)]
        groups += [
            {"params": dense, "peak": peak, "weight_decay": decay},
            {"params": others, "peak": peak, "weight_decay": 0.0},
        ]
    return torch.optim.AdamW(groups, rate)


def teacher_predictor(model: nn.Module, bfloat16: bool) -> Predictor:
    """``model`` (in evaluation mode) as a predictor at the images' own size."""

    @torch.inference_mode()
    def predict(image: np.ndarray) -> np.ndarray:
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            logits = model(torch.from_numpy(np.ascontiguousarray(image))[None])
        return resize(logits.float(), image.shape[:2], False)[0].argmax(0).to(torch.uint8).numpy()

    return predict


def save_teacher(path: Path, model: nn.Module) -> None:
    """What :func:`.teacher_model.load_teacher` reads."""
    assert isinstance(model, Teacher)
    write_state(path, {"classes": model.classes, "variant": model.variant, "weights": model.state_dict()})


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_loop_options(parser, epochs=40, ema=0.995)
    add_view_options(parser, Strength(jitter=0.4, blur=0.3, mix=0.5, erase=0.3))
    add = parser.add_argument
    add("--encoder", choices=VARIANTS, default="lite2", help="(%(default)s)")
    add("--rate", type=float, default=1e-3, metavar="X", help="peak rate of the decoder (%(default)s)")
    add("--encoder-rate", type=float, default=3e-4, metavar="X", help="peak rate of the encoder (%(default)s)")
    add("--decay", type=float, default=0.01, metavar="X", help="weight decay (%(default)s)")
    add(
        "--label-stride",
        type=int,
        default=2,
        metavar="N",
        help="the loss looks at every n-th row and column (%(default)s)",
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    torch.set_num_threads(args.threads)
    train_set, held = open_dataset(args.data, "train"), open_dataset(args.data, "val")
    torch.manual_seed(args.seed)
    model = Teacher(len(train_set.classes), args.encoder)
    model.encoder.load_state_dict(pretrained_encoder(args.encoder).state_dict())
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
    weights = class_weights(train_set, args.balance, show=False) if args.balance else None

    def loss(images: Tensor, labels: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=args.bfloat16):
            logits = model(images)
        return segmentation_loss([logits], thin(labels, args.label_stride).long(), weights, args.dice, False)

    training = Training(
        args.out,
        model,
        optimizer_of(model, args.rate, args.encoder_rate, args.decay),
        plan_of(args, cosine),
        options_of(args),
        loss,
        lambda average: teacher_predictor(average, args.bfloat16),
        lambda average, _: save_teacher(args.out / "teacher.pt", average),
    )
    views = StrongViews(train_set, (args.crop[0], args.crop[1]), args.seed, strength_of(args))
    return training.run(views, held, args.resume)


if __name__ == "__main__":
    raise SystemExit(main())
