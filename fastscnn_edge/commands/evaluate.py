"""``fastscnn-edge evaluate``: measure the mIoU of checkpoints and artifacts on the same pictures."""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path

from .._version import __version__
from ..classes import generic
from ..cli.arguments import file_path, positive, threads
from ..cli.command import guarded, parser
from ..cli.images import add_image_options
from ..cli.labels import add_label_options, check_dataset, reading_of
from ..cli.outputs import check_result_path
from ..cli.weights import add_checkpoint_options, loading_of
from ..errors import DatasetError, UsageError
from ..evaluation.datasets import Dataset, open_dataset
from ..evaluation.evaluate import Predictor, evaluate_predictor
from ..evaluation.metrics import Scores
from ..files import sha256, write_text
from ..log import plain
from ..reference.loading import Loading
from ..spec import ClassSet
from ..text import count_of

_CHECKPOINTS = (".pth", ".pt", ".safetensors")
_ARTIFACTS = (".tflite", ".onnx")

_EXAMPLES = """
fastscnn-edge evaluate runs/camvid/best.safetensors --data camvid/
fastscnn-edge evaluate best.safetensors int8.tflite int8.onnx --data camvid/ --json scores.json
fastscnn-edge evaluate model.tflite --data cityscapes/ --limit 50 --threads 2
"""


@dataclass(frozen=True)
class _Candidate:
    """A model that is loaded and ready to be scored."""

    path: Path
    kind: str
    classes: ClassSet
    digest: str
    predict: Predictor


def build_parser() -> argparse.ArgumentParser:
    result = parser(
        "evaluate",
        "Measure the IoU of every class and the mIoU over a split, for one or several models on the same pictures.\n"
        "A checkpoint gets each picture at its own size; an artifact resizes it to its input and interpolates\n"
        "its answer back. Both are compared with the labels at the picture's own size.",
        _EXAMPLES,
    )
    result.add_argument(
        "models",
        nargs="+",
        type=file_path,
        metavar="MODEL",
        help="checkpoint (.pth, .pt, .safetensors) or artifact (.tflite, .onnx); the first is the reference",
    )
    result.add_argument(
        "--data", type=file_path, required=True, metavar="DIR", help="dataset, CamVid or Cityscapes layout"
    )
    result.add_argument("--split", default="val", metavar="NAME", help="split of the dataset (default: val)")
    result.add_argument("--limit", type=positive, metavar="N", help="only the first N pictures")
    result.add_argument("--threads", type=threads, metavar="N", help="CPU threads (default: the engine's own)")
    result.add_argument("--json", type=file_path, metavar="FILE", help="also write the figures to this file")
    add_checkpoint_options(result)
    add_image_options(result)
    add_label_options(result)
    return result


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    return guarded(lambda: _run(build_parser().parse_args(argv)))


def _run(args: argparse.Namespace) -> int:
    if args.json:
        check_result_path("--json", args.json, ".json", args.models)
    dataset = open_dataset(args.data, args.split, args.limit, reading_of(args))
    # All are opened before the first is scored: a wrong path should be reported at once.
    candidates = [_open(path, args.threads, loading_of(args)) for path in args.models]
    for candidate in candidates:
        _check_classes(candidate, dataset, args.data)
    counts = check_dataset(dataset, args.split)
    absent = [label for label, pixels in zip(dataset.classes.labels, counts.classes, strict=True) if not pixels]
    results = []
    for candidate in candidates:
        scores = evaluate_predictor(candidate.predict, dataset, candidate.path.name)
        results.append(scores)
        if args.json:  # after each model, and before its table: hours may end early, and head may close the pipe
            write_text(args.json, _to_json(args, dataset, candidates[: len(results)], results))
        print(f"{candidate.path}: {candidate.kind}, {count_of(len(dataset), 'picture')} of {args.split}")
        print(scores.table(dataset.classes.labels))
        print(f"of classes that never occur in these labels: {', '.join(absent)}\n" if absent else "")
    if len(candidates) > 1:
        print(_comparison(candidates, results))
    return 0


def _open(path: Path, threads: int | None, loading: Loading) -> _Candidate:
    suffix = path.suffix.lower()
    if suffix in _ARTIFACTS:
        return _open_artifact(path, threads)
    if suffix in _CHECKPOINTS:
        return _open_checkpoint(path, threads, loading)
    raise UsageError(f"{path}: unknown kind of model; one of: {', '.join(_CHECKPOINTS + _ARTIFACTS)}")


def _open_artifact(path: Path, threads: int | None) -> _Candidate:
    from ..runtime.pipeline.segmenter import Segmenter

    segmenter = Segmenter(path, threads)
    spec = segmenter.spec
    kind = f"{spec.precision} artifact, {spec.height}x{spec.width}"
    return _Candidate(path, kind, spec.classes, sha256(path), segmenter.predict)


def _open_checkpoint(path: Path, threads: int | None, loading: Loading) -> _Candidate:
    # Imported late: artifacts can be scored without torch.
    import torch

    from ..reference.checkpoint import load_checkpoint
    from ..reference.torch_predictor import torch_predictor

    if threads:
        torch.set_num_threads(threads)
    checkpoint = load_checkpoint(path, loading)
    kind = f"float checkpoint ({checkpoint.model.dialect.name})"
    predict = torch_predictor(checkpoint.model, checkpoint.normalization)
    return _Candidate(path, kind, checkpoint.classes, checkpoint.sha256, predict)


def _check_classes(candidate: _Candidate, dataset: Dataset, root: Path) -> None:
    if len(candidate.classes) != len(dataset.classes):
        raise DatasetError(
            f"{candidate.path} has {count_of(len(candidate.classes), 'class')}, the dataset {root} has "
            f"{len(dataset.classes)}; evaluate on the dataset the model was trained for"
        )
    theirs, ours = candidate.classes.labels, dataset.classes.labels
    nameless = generic(len(ours)).labels
    different = next((i for i, (a, b) in enumerate(zip(theirs, ours, strict=True)) if a != b), None)
    if different is not None and nameless not in (theirs, ours):
        plain(
            "warning",
            f"{candidate.path} calls class {different} '{theirs[different]}' and the dataset '{ours[different]}': they "
            "are compared by their order",
        )


def _comparison(candidates: list[_Candidate], results: list[Scores]) -> str:
    """One line per model: mIoU in percent, and the difference to the first in points."""
    width = max(len(str(candidate.path)) for candidate in candidates)
    lines = ["mIoU in %, and the difference to the first in points"]
    for candidate, scores in zip(candidates, results, strict=True):
        difference = 100 * (scores.miou - results[0].miou)
        lines.append(f"{candidate.path!s:<{width}}  {100 * scores.miou:6.2f}  {difference:+6.2f}")
    return "\n".join(lines)


def _to_json(args: argparse.Namespace, dataset: Dataset, candidates: list[_Candidate], results: list[Scores]) -> str:
    """Encode the scores as fractions of 1; a class that neither occurs nor is predicted has IoU null."""
    models = [
        {
            "model": str(candidate.path),
            "sha256": candidate.digest,
            "kind": candidate.kind,
            "miou": scores.miou,
            "difference_to_first": scores.miou - results[0].miou,
            "pixel_accuracy": scores.accuracy,
            "iou": {
                label: None if math.isnan(value) else value
                for label, value in zip(dataset.classes.labels, scores.iou, strict=True)
            },
        }
        for candidate, scores in zip(candidates, results, strict=True)
    ]
    report = {
        "data": str(args.data),
        "split": args.split,
        "pictures": len(dataset),
        "version": __version__,
        "models": models,
    }
    return json.dumps(report, indent=1) + "\n"
