"""What the user knows about a checkpoint beside its file. Needs no torch: quantized files are read without it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import CheckpointError
from ..log import Warn, silent
from ..spec import ClassSet
from ..text import count_of


@dataclass(frozen=True)
class Loading:
    """What the user knows about a checkpoint and the file does not say.

    Attributes:
        classes: names and colors, instead of the file's.
        threshold: of the sigmoid of a model with one logit, above 0 and below 1; None: what the file or its code base
            states.
        warn: receives one line for each thing that had to be assumed.
    """

    classes: ClassSet | None = None
    threshold: float | None = None
    warn: Warn = silent


def named_classes(classes: ClassSet | None, count: int, path: Path) -> ClassSet | None:
    """``classes``, if the user gives some.

    Raises:
        CheckpointError: they are not ``count``.
    """
    if classes is not None and len(classes) != count:
        raise CheckpointError(f"--classes names {count_of(len(classes), 'class')}, and {path} has {count}")
    return classes
