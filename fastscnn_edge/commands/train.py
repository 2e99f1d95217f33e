"""``fastscnn-edge train``: train on CamVid or Cityscapes."""

from __future__ import annotations

import argparse
import shlex
import sys
from typing import TYPE_CHECKING

from ..cli.arguments import file_path, number, positive, seed, size, threads, workers
from ..cli.command import guarded, parser
from ..cli.images import add_image_options
from ..cli.labels import add_label_options, check_dataset, reading_of
from ..cli.weights import add_classes_option
from ..errors import EXIT_INTERRUPTED
from ..evaluation.datasets import open_dataset
from ..reference.dialects import DIALECTS
from ..reference.processes import rank_and_world_size, rank_zero_only
from ..reference.train_config import TrainConfig

if TYPE_CHECKING:
    from ..reference.train import TrainingResult

_DESCRIPTION = """\
Train on CamVid or Cityscapes, and keep the weights that score best on the val split.

DATA is either ROOT/{train,val}/{images,labels} (CamVid) or ROOT/{leftImg8bit,gtFine}/{train,val}
(Cityscapes). OUT receives best.safetensors, the weights to evaluate and export, and last.pt, from
which --resume continues. Ctrl-C ends after the current step; complete epochs are kept.

Under torchrun, gradients are averaged over the processes: --batch, --workers and --threads are per
process, and so are the statistics of batch norm, which cover only that process's pictures: keep the
batch at 8 or more. Only the first process evaluates and writes.
"""

_EXAMPLES = """
fastscnn-edge train --data camvid/ --out runs/camvid
fastscnn-edge train --data camvid/ --out runs/camvid --resume
fastscnn-edge train --data cityscapes/ --out runs/cityscapes --crop 512x1024 --workers 4
torchrun --nproc-per-node 2 -m fastscnn_edge train --data camvid/ --out runs/camvid --threads 2
"""


def build_parser() -> argparse.ArgumentParser:
    result = parser("train", _DESCRIPTION, _EXAMPLES)
    config = TrainConfig()
    add = result.add_argument
    add("--data", type=file_path, required=True, metavar="DIR", help="dataset with a train and a val split")
    add("--out", type=file_path, required=True, metavar="DIR", help="folder for the results, created if needed")
    add("--resume", action="store_true", help="continue the run in --out; repeat its other options")
    add(
        "--epochs",
        type=positive,
        default=config.epochs,
        metavar="N",
        help="epochs over the train split (default: %(default)s)",
    )
    add(
        "--batch",
        type=positive,
        default=config.batch,
        metavar="N",
        help="pictures per step, at least 2 (default: %(default)s)",
    )
    add(
        "--crop",
        type=size,
        default=config.crop,
        metavar="HxW",
        help=f"height x width of the training crops in pixels (default: {config.crop[0]}x{config.crop[1]})",
    )
    add(
        "--rate",
        type=number(0, 1, "learning rate"),
        default=config.rate,
        metavar="X",
        help="peak learning rate (default: %(default)s)",
    )
    add(
        "--seed",
        type=seed,
        default=config.seed,
        metavar="N",
        help="random seed; the same seed trains the same weights (default: %(default)s)",
    )
    add(
        "--dialect",
        choices=tuple(DIALECTS),
        default=config.dialect,
        help="network variant: mmsegmentation's (1.4 M parameters) or the paper's (1.1 M) (default: %(default)s)",
    )
    add("--bfloat16", action="store_true", help="compute the network in bfloat16, faster on CPUs that have it")
    add(
        "--label-stride",
        type=positive,
        default=config.label_stride,
        metavar="N",
        help="compute the loss on every n-th row and column, 1 to 8 (default: %(default)s)",
    )
    add(
        "--balance",
        type=number(0, 100),
        default=config.balance,
        metavar="X",
        help="class weights 1 / ln(X + frequency), X above 1; 0: none (default: %(default)s)",
    )
    add(
        "--dice",
        type=number(0, 100),
        default=config.dice,
        metavar="X",
        help="weight of the Dice loss (default: %(default)s)",
    )
    add(
        "--ema",
        type=number(0, 1),
        default=config.ema,
        metavar="X",
        help="decay of the weight average that is evaluated and saved; lower it for short runs (default: %(default)s)",
    )
    add(
        "--workers",
        type=workers,
        default=1,
        metavar="N",
        help="processes that prepare pictures; affects only the speed (default: %(default)s)",
    )
    add("--threads", type=threads, metavar="N", help="CPU threads (default: torch's choice)")
    add(
        "--evaluate-every",
        type=positive,
        default=10,
        metavar="N",
        help="epochs between evaluations on the val split (default: %(default)s)",
    )
    add_classes_option(result, "the dataset's")
    add_image_options(result)
    add_label_options(result)
    return result


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status: 130 after Ctrl-C, with everything needed to resume on disk."""
    return guarded(lambda: _run(argv))


def _run(argv: list[str] | None) -> int:
    words = sys.argv[1:] if argv is None else argv
    with rank_zero_only():
        args = build_parser().parse_args(words)
        reading = reading_of(args)
        config = TrainConfig(
            epochs=args.epochs,
            crop=args.crop,
            batch=args.batch,
            rate=args.rate,
            ema=args.ema,
            balance=args.balance,
            dice=args.dice,
            label_stride=args.label_stride,
            dialect=args.dialect,
            seed=args.seed,
            bfloat16=args.bfloat16,
            labels=str(reading.labels),
        )
    if rank_and_world_size()[0] == 0:
        for split in ("train", "val"):
            check_dataset(open_dataset(args.data, split, reading=reading), split)
    # Imported late: --help and usage errors should not wait for torch.
    import torch

    from ..reference.train import train

    if args.threads:
        torch.set_num_threads(args.threads)
    outcome = train(
        args.data,
        args.out,
        config,
        resume=args.resume,
        workers=args.workers,
        evaluate_every=args.evaluate_every,
        reading=reading,
    )
    if rank_and_world_size()[0] == 0:
        print(_report(outcome, args, words))
    return EXIT_INTERRUPTED if outcome.interrupted else 0


def _report(outcome: TrainingResult, args: argparse.Namespace, words: list[str]) -> str:
    lines = []
    if outcome.idle:
        lines.append(f"{args.out} is finished: {outcome.epoch} epochs are done; to continue, raise --epochs")
    if outcome.interrupted and outcome.epoch == 0:
        lines.append("interrupted before the first epoch was complete: nothing to resume, start again")
    elif outcome.interrupted:
        lines.append(f"interrupted after epoch {outcome.epoch} of {args.epochs}; resume with:")
        lines.append(f"  {_resume_command(words)}")
    if outcome.miou is not None:
        best, data = shlex.quote(str(outcome.best)), shlex.quote(str(args.data))
        lines.append(f"best checkpoint: {outcome.best} (val mIoU {100 * outcome.miou:.2f} %)")
        lines.append("next:")
        lines.append(f"  fastscnn-edge evaluate {best} --data {data}")
        lines.append(
            f"  fastscnn-edge export --checkpoint {best} --precision int8 --calibration PICTURES --out model.tflite"
        )
    return "\n".join(lines)


def _resume_command(words: list[str]) -> str:
    """Command that continues this run: the arguments of this one, and --resume."""
    world = rank_and_world_size()[1]
    launcher = f"torchrun --nproc-per-node {world} -m fastscnn_edge train" if world > 1 else "fastscnn-edge train"
    return f"{launcher} {shlex.join(word for word in words if word != '--resume')} --resume"
