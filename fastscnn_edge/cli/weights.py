"""Options for what a checkpoint or artifact does not say itself: class names and colors, a sigmoid's threshold."""

from __future__ import annotations

import argparse

from ..classes import KNOWN, load_classes
from ..log import Warn, warn_on_stderr
from ..reference.loading import Loading
from .arguments import parsed_by


def add_classes_option(parser: argparse._ActionsContainer, of: str = "the file's own") -> None:
    """Add ``--classes``; ``of`` says whose names it replaces."""
    parser.add_argument(
        "--classes",
        type=parsed_by(load_classes),
        metavar="FILE|NAME",
        help=f"names of the classes instead of {of}: {', '.join(KNOWN)}, or a file with NAME or NAME, RED, GREEN, BLUE "
        "on each line",
    )


def add_checkpoint_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--classes`` and ``--threshold``."""
    group = parser.add_argument_group("checkpoint options")
    add_classes_option(group)
    group.add_argument(
        "--threshold",
        type=_threshold,
        metavar="T",
        help="for a model of one logit: class 1 is where its sigmoid is above T (default: what the checkpoint states, "
        "else 0.3 for mmsegmentation's and 0.5 for others)",
    )


def loading_of(options: argparse.Namespace, warn: Warn = warn_on_stderr) -> Loading:
    """Make what the options of :func:`add_checkpoint_options` state."""
    return Loading(options.classes, options.threshold, warn)


def _threshold(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 1e-6 <= value <= 1 - 1e-6:
        raise argparse.ArgumentTypeError(f"'{text}' is not a threshold from 0.000001 to 0.999999, for example 0.5")
    return value
