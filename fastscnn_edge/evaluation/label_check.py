"""Whether label maps hold what they should: a wrong reading of them trains to a perfect score without a word."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from ..errors import DatasetError
from ..text import count_of
from .datasets import Dataset
from .labels import IGNORE

MUCH_VOID = 0.5
"""Share of void pixels from which on a warning is due."""


@dataclass(frozen=True)
class LabelCounts:
    """What the label maps of a split hold.

    Attributes:
        values: int64 [256], pixels by their value in the files.
        classes: int64 [number of classes], pixels by class.
    """

    values: np.ndarray
    classes: np.ndarray

    @property
    def void(self) -> float:
        """Share of the pixels that are void, 0..1."""
        total = int(self.values.sum())
        return 1 - int(self.classes.sum()) / total if total else 1.0


def count_labels(dataset: Dataset, *, show: bool = True) -> LabelCounts:
    """Count the values of every label map, with a progress bar if ``show``."""
    values = np.zeros(256, np.int64)
    for index in tqdm(range(len(dataset)), "check labels", disable=None if show else True, leave=False):
        values += np.bincount(dataset.label_values(index).ravel(), minlength=256)
    classes = np.zeros(256, np.int64)
    np.add.at(classes, dataset.table.classes, values)
    return LabelCounts(values, classes[: len(dataset.classes)])


def check_labels(dataset: Dataset, counts: LabelCounts, split: str) -> list[str]:
    """Findings worth a warning, one sentence each.

    Raises:
        DatasetError: the label maps cannot be meant as they are read; the message names the option that mends it.
    """
    found, count = np.flatnonzero(counts.values), len(dataset.classes)
    present = np.flatnonzero(counts.classes)
    odd = [int(value) for value in found if not dataset.table.stated[value]]
    what = f"the label maps of '{split}' hold the values {_listed(found)}, for {count_of(count, 'class')}: "
    what += _expected(dataset)
    if not len(present):
        raise DatasetError(f"{what}: every pixel is void; give --label-map VALUE=CLASS,... or correct classes.txt")
    if odd and len(present) < 2 <= count:
        name, missing = dataset.classes.labels[present[0]], _absent(dataset, counts)[0]
        raise DatasetError(
            f"{what}: only '{name}' would ever be learnt; give --label-map {odd[0]}={missing}, or --ignore-index "
            f"{','.join(map(str, odd))} if these are void"
        )
    if count in found and 0 not in found and not dataset.table.stated[count]:
        raise DatasetError(
            f"{what}: '{dataset.classes.labels[0]}' never occurs and value {count} would be void; if the first class "
            f"is 1, give --reduce-zero-label, if {count} is void, --ignore-index {count}"
        )
    return _warnings(dataset, counts, split, odd)


def describe_labels(dataset: Dataset, counts: LabelCounts, split: str) -> str:
    """One line: how many classes occur, and which values are void to which share."""
    void = [int(v) for v in np.flatnonzero(counts.values) if dataset.table.classes[v] == IGNORE]
    values = f" (value {_listed(void)})" if void else ""
    occurring = np.count_nonzero(counts.classes)
    return (
        f"labels of '{split}': {occurring} of {count_of(len(dataset.classes), 'class')} in "
        f"{count_of(len(dataset), 'picture')}, "
        f"void {100 * counts.void:.2f} %{values}"
    )


def _warnings(dataset: Dataset, counts: LabelCounts, split: str, odd: list[int]) -> list[str]:
    warnings = []
    # One value right behind the last class, and 255, are what labeling tools write for void.
    strange = [value for value in odd if value not in (len(dataset.classes), IGNORE)]
    if strange:
        share = counts.values[strange].sum() / counts.values.sum()
        warnings.append(
            f"the label maps of '{split}' hold the values {_listed(strange)} ({100 * share:.2f} % of the pixels), "
            "which are no class: they count as void; say so with --ignore-index, or what they are with --label-map"
        )
    if absent := _absent(dataset, counts):
        warnings.append(f"these classes never occur in '{split}': {', '.join(absent)}")
    if counts.void >= MUCH_VOID:
        warnings.append(f"{100 * counts.void:.0f} % of the pixels of '{split}' are void")
    return warnings


def _absent(dataset: Dataset, counts: LabelCounts) -> list[str]:
    return [label for label, pixels in zip(dataset.classes.labels, counts.classes, strict=True) if not pixels]


def _expected(dataset: Dataset) -> str:
    values = np.flatnonzero(dataset.table.classes != IGNORE)
    return f"values {_listed(values)}"


def _listed(values: np.ndarray | list[int]) -> str:
    """``0..10, 255``: runs of three and more are shortened."""
    runs: list[list[int]] = []
    for value in map(int, values):
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    parts = [f"{r[0]}..{r[-1]}" if len(r) > 2 else ", ".join(map(str, r)) for r in runs]
    return ", ".join(parts[:20]) + (", ..." if len(parts) > 20 else "")
