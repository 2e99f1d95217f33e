"""Options for reading label maps, shared by every command that reads them, and the check of their content."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..evaluation.labels import LabelRules, parse_label_map, parse_values
from ..log import Log, plain
from ..text import count_of
from .arguments import parsed_by
from .images import reader_of

if TYPE_CHECKING:
    from ..evaluation.datasets import Dataset, Reading
    from ..evaluation.label_check import LabelCounts


def add_label_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--label-map``, ``--ignore-index`` and ``--reduce-zero-label``."""
    group = parser.add_argument_group("label map options")
    group.add_argument(
        "--label-map",
        type=parsed_by(parse_label_map),
        default=(),
        metavar="FILE|V=C,...",
        help="meaning of label-map values that are not class indices: 255=1, 7=road, 0=void, comma-separated, or a "
        "file with one per line",
    )
    group.add_argument(
        "--ignore-index", type=parsed_by(parse_values), default=(), metavar="V,...", help="values that are void"
    )
    group.add_argument(
        "--reduce-zero-label", action="store_true", help="value 0 is void and value 1 is the first class, as in ADE20K"
    )


def reading_of(options: argparse.Namespace) -> Reading:
    """Make what the options of :func:`add_label_options`, of pictures and of classes state."""
    from ..evaluation.datasets import Reading

    rules = LabelRules(options.label_map, options.ignore_index, options.reduce_zero_label)
    return Reading(reader_of(options), rules, options.classes)


def check_dataset(dataset: Dataset, split: str, log: Log = plain, *, show: bool = True) -> LabelCounts:
    """Count the label-map values of a split, report them through ``log``, and refuse those that cannot be right.

    Raises:
        DatasetError: see :func:`..evaluation.label_check.check_labels`.
    """
    from ..evaluation.label_check import check_labels, count_labels, describe_labels
    from ..runtime.images.reader import is_turned

    counts = count_labels(dataset, show=show)
    warnings = check_labels(dataset, counts, split)
    if dataset.assumed:
        log("info", "the dataset has no classes.txt: its classes are taken to be CamVid's (--classes names others)")
    log("info", describe_labels(dataset, counts, split))
    for warning in warnings:
        log("warning", warning)
    if dataset.reader.turn and (turned := sum(is_turned(picture) for picture, _ in dataset.samples)):
        log(
            "warning",
            f"turned by their EXIF orientation: {turned} of {count_of(len(dataset), 'picture')} of '{split}', but no "
            "label map; if these were drawn on the stored pixels, give --stored-orientation",
        )
    return counts
