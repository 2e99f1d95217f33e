"""What the values of label maps stand for: class indices, unless the user says otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..errors import DatasetError
from ..files import read_text
from ..spec import ClassSet

IGNORE = 255
"""Label of pixels that count neither in the loss nor in the mIoU."""

VOID = "void"
"""What ``--label-map`` calls :data:`IGNORE`."""


@dataclass(frozen=True)
class LabelRules:
    """How a user's label maps differ from "a pixel's value is its class index".

    Attributes:
        mapping: (value, class index or name or ``void``) pairs; they go before everything else.
        ignore: values that are void on purpose.
        reduce_zero: value 0 is void and value v is class v - 1, as in ADE20K.
    """

    mapping: tuple[tuple[int, str], ...] = ()
    ignore: tuple[int, ...] = ()
    reduce_zero: bool = False

    def __str__(self) -> str:
        parts = [f"{value}={target}" for value, target in self.mapping]
        parts += [f"ignore {value}" for value in self.ignore]
        return ", ".join([*parts, *(["reduce zero"] if self.reduce_zero else [])])

    def apply(self, table: np.ndarray, classes: ClassSet) -> LabelTable:
        """Change ``table``, uint8 [256] of a dataset's layout, by these rules.

        Raises:
            DatasetError: a class is not one of ``classes``.
        """
        if self.reduce_zero:
            table = np.concatenate([[np.uint8(IGNORE)], table[:-1]]).astype(np.uint8)
        table = table.copy()
        stated = table != IGNORE
        if self.reduce_zero:
            stated[0] = True
        for value in self.ignore:
            table[value], stated[value] = IGNORE, True
        for value, target in self.mapping:
            table[value], stated[value] = _class_index(target, classes), True
        return LabelTable(table, stated)


@dataclass(frozen=True)
class LabelTable:
    """Attributes:
    classes: uint8 [256], label-map value -> class index or :data:`IGNORE`.
    stated: bool [256], values that the layout or the user gives a meaning, void included.
    """

    classes: np.ndarray
    stated: np.ndarray = field(default_factory=lambda: np.ones(256, bool))


def parse_label_map(text: str) -> tuple[tuple[int, str], ...]:
    """Pairs of ``255=1,0=void``, or of a file with one ``VALUE=CLASS`` a line; ``#`` begins a comment.

    Raises:
        ValueError: neither such a text nor such a file.
    """
    if "=" not in text:
        try:
            text = ",".join(read_text(text).splitlines())
        except ValueError as error:
            raise ValueError(f"'{text}' is neither VALUE=CLASS nor a file of such lines: it {error}") from error
    entries = [line.split("#")[0].strip() for line in text.split(",")]
    return tuple(_pair(entry) for entry in entries if entry)


def parse_values(text: str) -> tuple[int, ...]:
    """Label-map values of ``255`` or ``0,255``.

    Raises:
        ValueError: not integers of 0 to 255.
    """
    return tuple(_value(part) for part in text.split(","))


def _pair(entry: str) -> tuple[int, str]:
    value, mark, target = (part.strip() for part in entry.partition("="))
    if not mark or not target:
        raise ValueError(f"'{entry}' is not VALUE=CLASS, for example 255=1 or 7=road or 0={VOID}")
    return _value(value), target


def _value(text: str) -> int:
    if not (text.strip().isdecimal() and int(text) <= 255):
        raise ValueError(f"'{text}' is not a label-map value, 0 to 255")
    return int(text)


def _class_index(target: str, classes: ClassSet) -> int:
    if target in classes.labels:
        return classes.labels.index(target)
    if target.isdecimal() and int(target) < len(classes):
        return int(target)
    if target == VOID:
        return IGNORE
    raise DatasetError(
        f"--label-map names the class '{target}', which is none of the dataset's: {_shortened(classes.labels)}, or "
        f"0 to {len(classes) - 1}, or {VOID}"
    )


def _shortened(names: Sequence[str]) -> str:
    return ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
