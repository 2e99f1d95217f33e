"""``fastscnn-edge quantize``: quantize a float checkpoint by calibration or training, for export at any size."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..cli.arguments import file_path, number, positive, seed, size, threads, workers
from ..cli.command import guarded, parser
from ..cli.images import add_image_options, add_recursive_option, reader_of
from ..cli.labels import add_label_options, check_dataset, reading_of
from ..cli.outputs import check_result_path
from ..cli.weights import add_checkpoint_options, loading_of
from ..errors import EXIT_INTERRUPTED, require
from ..log import warn_on_stderr
from ..text import count_of, printable

if TYPE_CHECKING:
    from ..quantization.calibration.scheme import Scheme
    from ..quantization.graph.graph import Graph
    from ..reference.checkpoint import Checkpoint

_DESCRIPTION = """\
Quantize a float checkpoint and write the integers: int8 weights, int32 biases, every scale.
'fastscnn-edge export' converts the result to .tflite or .onnx, at any input size.

--method ptq needs only pictures. --method qat starts from ptq's scales and trains on a labeled
dataset, distilled from the float model. It keeps the weight average with the best val mIoU; Ctrl-C
ends after the current step and leaves everything --resume needs in OUT's folder.
"""

_EXAMPLES = """
fastscnn-edge quantize --checkpoint best.safetensors --method ptq --calibration pictures/ --out int8.safetensors
fastscnn-edge quantize --checkpoint best.safetensors --method qat --data camvid/ --out runs/qat/int8.safetensors
fastscnn-edge export --checkpoint int8.safetensors --out model.tflite
"""


def build_parser() -> argparse.ArgumentParser:
    result = parser("quantize", _DESCRIPTION, _EXAMPLES)
    add = result.add_argument
    add("--checkpoint", type=file_path, required=True, metavar="FILE", help="float weights in any supported format")
    add(
        "--method", choices=["ptq", "qat"], default="ptq", help="post-training (default) or quantization-aware training"
    )
    add(
        "--recipe",
        choices=["plain", "fast", "accurate"],
        default="accurate",
        help="ptq: plain uses the observed extremes, for comparison; fast first equalizes channels, seconds; "
        "accurate also optimizes weight rounding and corrects biases (default)",
    )
    add(
        "--scheme",
        choices=["affine", "symmetric"],
        default="affine",
        help="affine: zero points, for TFLite and ONNX Runtime (default); symmetric: none, for TensorRT",
    )
    add(
        "--calibration",
        type=file_path,
        metavar="DIR",
        help="folder of typical pictures (default for qat: the checkpoint's own scales, else the train split)",
    )
    add("--calibration-count", type=positive, default=32, metavar="N", help="number of pictures from it (default: 32)")
    add("--data", type=file_path, metavar="DIR", help="qat: dataset with a train and a val split")
    add(
        "--size",
        type=size,
        metavar="HxW",
        help="height x width of the input (default: the checkpoint's training size, else 512x1024)",
    )
    add("--epochs", type=positive, default=30, metavar="N", help="qat: epochs over the train split (default: 30)")
    add("--batch", type=positive, default=8, metavar="N", help="qat: pictures per step (default: 8)")
    add(
        "--rate",
        type=number(0, 1, "learning rate"),
        default=1e-5,
        metavar="X",
        help="qat: peak learning rate (default: 1e-5)",
    )
    add("--seed", type=seed, default=0, metavar="N", help="qat: random seed (default: 0)")
    add("--workers", type=workers, default=1, metavar="N", help="qat: processes that prepare pictures (default: 1)")
    add("--threads", type=threads, metavar="N", help="CPU threads (default: torch's choice)")
    add("--evaluate-every", type=positive, default=5, metavar="N", help="qat: epochs between evaluations (default: 5)")
    add("--resume", action="store_true", help="qat: continue the run beside --out; repeat its other options")
    add("--out", type=file_path, required=True, metavar="FILE", help="the .safetensors to write")
    add_recursive_option(result)
    add_checkpoint_options(result)
    add_image_options(result)
    add_label_options(result)
    return result


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status: 130 after Ctrl-C in qat, with everything needed to resume on disk."""
    return guarded(lambda: _run(build_parser().parse_args(argv)))


def _run(args: argparse.Namespace) -> int:
    check_result_path("--out", args.out, ".safetensors", [args.checkpoint])
    if args.method == "ptq":
        require(args.calibration is not None, "--method ptq needs --calibration, a folder of typical pictures")
    else:
        require(args.data is not None, "--method qat needs --data, a dataset with a train and a val split")
        require(args.batch >= 2, "--batch is at least 2")
        require(0 < args.rate <= 1, "--rate is above 0 and at most 1")
    # Imported late: --help and usage errors should not wait for torch.
    import torch

    from ..quantization.calibration.scheme import SCHEMES
    from ..quantization.quantized_file import Origin, save_quantized
    from ..reference.checkpoint import load_checkpoint

    if args.threads:
        torch.set_num_threads(args.threads)
    held_back: list[str] = []  # warnings, until all input is checked: an error shall be one line
    checkpoint, scheme = load_checkpoint(args.checkpoint, loading_of(args, held_back.append)), SCHEMES[args.scheme]

    def checked() -> None:
        for warning in held_back:
            warn_on_stderr(warning)

    height, width = args.size or checkpoint.trained_size
    make = _ptq if args.method == "ptq" else _qat
    graph, method, interrupted = make(args, checkpoint, scheme, (height, width), checked)
    if graph is not None:
        origin = Origin(
            checkpoint.model.dialect.name,
            checkpoint.classes,
            checkpoint.normalization,
            checkpoint.sha256,
            method,
            (height, width),
        )
        save_quantized(args.out, graph, scheme, origin)
        print(f"wrote       {printable(str(args.out))}")
        print(f"method      {method}, scheme {scheme.name}")
        print(f"next        fastscnn-edge export --checkpoint {printable(str(args.out))} --out model.tflite")
    if interrupted:
        print("fastscnn-edge: stopped; go on with the same command and --resume", file=sys.stderr)
    return EXIT_INTERRUPTED if interrupted else 0


def _ptq(
    args: argparse.Namespace, checkpoint: Checkpoint, scheme: Scheme, at: tuple[int, int], checked: Callable[[], None]
) -> tuple[Graph, str, bool]:
    from ..quantization.calibration.calibration_images import calibration_files, load_image
    from ..quantization.graph.lower import lower
    from ..quantization.ptq.recipes import quantize

    graph = lower(checkpoint.model, checkpoint.normalization, *at)
    reader = reader_of(args)
    files = calibration_files(args.calibration, args.calibration_count, args.recursive, reader.warn)
    images = [load_image(graph, file, reader) for file in files]
    checked()
    method = f"ptq {args.recipe}, {count_of(len(images), 'picture')} at {at[0]}x{at[1]}"
    return quantize(graph, images, scheme, args.recipe), method, False


def _qat(
    args: argparse.Namespace, checkpoint: Checkpoint, scheme: Scheme, at: tuple[int, int], checked: Callable[[], None]
) -> tuple[Graph | None, str, bool]:
    from ..evaluation.datasets import open_dataset
    from ..quantization.activation_scales import scales_from_plain
    from ..quantization.calibration.calibration_images import calibration_files, load_image, spread
    from ..quantization.graph.lower import lower
    from ..quantization.ptq.ptq import with_parameters
    from ..quantization.ptq.recipes import TRAINING_START, Quantized, apply
    from ..quantization.qat.qat import STATE_SUFFIX, QatConfig, train_qat

    reading = reading_of(args)
    train_set, val_set = (open_dataset(args.data, split, reading=reading) for split in ("train", "val"))
    require(
        len(train_set.classes) == len(checkpoint.classes),
        f"the checkpoint has {count_of(len(checkpoint.classes), 'class')}, {args.data} has {len(train_set.classes)}",
    )
    require(
        len(train_set) >= args.batch,
        f"the train split has {count_of(len(train_set), 'picture')}, less than one --batch",
    )
    checked()
    for split, dataset in (("train", train_set), ("val", val_set)):
        check_dataset(dataset, split)
    graph = lower(checkpoint.model, checkpoint.normalization, *at)
    if args.calibration is None and checkpoint.quantization.get("scheme") == scheme.name:
        start = Quantized(graph, with_parameters(graph, scales_from_plain(checkpoint.quantization, graph, scheme)))
    else:
        if args.calibration is None:
            files = spread([picture for picture, _ in train_set.samples], args.calibration_count)
        else:
            files = calibration_files(args.calibration, args.calibration_count, args.recursive, reading.images.warn)
        # Equalized first: training moves weights in steps too small to reach this point.
        start = apply(TRAINING_START, graph, [load_image(graph, file, reading.images) for file in files], scheme)
    config = QatConfig(epochs=args.epochs, batch=args.batch, rate=args.rate, seed=args.seed)
    outcome = train_qat(
        checkpoint,
        start,
        scheme,
        train_set,
        val_set,
        args.out.with_suffix(STATE_SUFFIX),
        config,
        resume=args.resume,
        workers=args.workers,
        evaluate_every=args.evaluate_every,
    )
    method = f"qat, {outcome.epoch} epochs at {at[0]}x{at[1]}, fake-quantized val mIoU {100 * outcome.miou:.2f} %"
    return outcome.graph, method, outcome.interrupted
