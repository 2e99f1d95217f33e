"""Trains Fast-SCNN with the study's levers, the teacher among them; without them it is ``fastscnn-edge train``.

``python -m tools.study.student --data FOLD --out DIR [--teacher teacher.pt ...]``, with ``--resume`` to go on. A
teacher sees the very view that the student sees, pasted objects, erased parts and all. ``DIR/student.safetensors``
holds the average of the weights as of the last evaluation (not of the best one: choosing the epoch by held-out
images would flatter the score), ``DIR/curve.csv`` a row an epoch.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ._package import (
    INT8_NATIVE,
    FastSCNN,
    Predictor,
    TrainConfig,
    class_weights,
    initialize,
    normalize,
    open_dataset,
    save_checkpoint,
    stored_state,
    student_optimizer,
    thin,
    torch_predictor,
)
from .depthwise import use_float32_depthwise
from .loop import Training, add_loop_options, options_of, plan_of
from .losses import distillation, student_loss
from .strong_views import Strength, StrongViews, add_view_options, strength_of
from .teacher_model import Teacher, load_teacher


@torch.no_grad()
def teachers_probabilities(teachers: Sequence[Teacher], images: Tensor, temperature: float) -> Tensor:
    """Mean of the teachers' softmax at ``temperature``: float32 [N, C, H/4, W/4] of uint8 [N, H, W, 3]."""
    return torch.stack([F.softmax(teacher(images).float() / temperature, 1) for teacher in teachers]).mean(0)


def bare(average: nn.Module, classes: int, dialect: str) -> FastSCNN:
    """The averaged weights as a file would hold them: half precision, without the training heads."""
    model = FastSCNN(classes, dialect).eval()
    model.load_state_dict(stored_state(average), strict=False)
    return model


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    config = TrainConfig()
    add_loop_options(parser, epochs=60, ema=config.ema)
    add_view_options(parser, Strength())
    add = parser.add_argument
    add("--rate", type=float, default=config.rate, metavar="X", help="peak rate (%(default)s)")
    add(
        "--label-stride",
        type=int,
        default=config.label_stride,
        metavar="N",
        help="the loss looks at every n-th row and column (%(default)s)",
    )
    add("--teacher", type=Path, action="append", default=[], metavar="PT", help="may be given several times")
    add("--temperature", type=float, default=2.0, metavar="X", help="of the distillation (%(default)s)")
    add("--teacher-weight", type=float, default=1.0, metavar="X", help="of the distillation's loss (%(default)s)")
    add("--label-weight", type=float, default=1.0, metavar="X", help="of the labels' loss (%(default)s)")
    add("--hardest", type=float, default=1.0, metavar="X", help="share of the pixels that count (%(default)s)")
    add(
        "--boundary",
        type=float,
        default=0.0,
        metavar="X",
        help="added weight of pixels beside another class (%(default)s)",
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    torch.set_num_threads(args.threads)
    train_set, held = open_dataset(args.data, "train"), open_dataset(args.data, "val")
    config = TrainConfig(
        epochs=args.epochs,
        batch=args.batch,
        rate=args.rate,
        ema=args.ema,
        seed=args.seed,
        label_stride=args.label_stride,
        bfloat16=args.bfloat16,
    )
    torch.manual_seed(args.seed)
    model = FastSCNN(len(train_set.classes), config.dialect, auxiliary=True)
    initialize(model)
    use_float32_depthwise(model)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
    weights = class_weights(train_set, args.balance, show=False) if args.balance else None
    teachers = [load_teacher(path) for path in args.teacher]
    optimizer = student_optimizer(model, config)
    for group in optimizer.param_groups:
        group["peak"] = config.rate

    def loss(images: Tensor, labels: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=args.bfloat16):
            outputs = model.forward_with_auxiliary(normalize(images, INT8_NATIVE))
            targets = teachers_probabilities(teachers, images, args.temperature) if teachers else None
        result = args.label_weight * student_loss(
            outputs,
            thin(labels, args.label_stride).long(),
            weights,
            args.dice,
            hardest=args.hardest,
            boundary=args.boundary,
            align_corners=model.dialect.align_corners,
        )
        if targets is not None:
            result = result + args.teacher_weight * distillation(
                outputs[0], targets, args.temperature, model.dialect.align_corners
            )
        total: Tensor = result
        return total

    def predictor(average: nn.Module) -> Predictor:
        return torch_predictor(bare(average, len(train_set.classes), config.dialect), INT8_NATIVE)

    def save(average: nn.Module, miou: float) -> None:
        facts = {**options_of(args), "held_out_miou": round(miou, 5)}
        save_checkpoint(
            args.out / "student.safetensors",
            bare(average, len(train_set.classes), config.dialect),
            held.classes,
            INT8_NATIVE,
            facts,
        )

    training = Training(
        args.out,
        model,
        optimizer,
        plan_of(args, lambda t: config.learning_rate(t) / config.rate),
        options_of(args),
        loss,
        predictor,
        save,
    )
    views = StrongViews(train_set, (args.crop[0], args.crop[1]), args.seed, strength_of(args))
    return training.run(views, held, args.resume)


if __name__ == "__main__":
    raise SystemExit(main())
