"""Mean intersection over union from one confusion matrix. Needs only numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .labels import IGNORE


class Confusion:
    """Pixel counts, rows the truth and columns the prediction.

    All images go into one matrix, so mIoU is over the dataset, not a mean over images.
    """

    def __init__(self, num_classes: int) -> None:
        self.counts = np.zeros((num_classes, num_classes), np.int64)

    def add(self, truth: np.ndarray, prediction: np.ndarray) -> None:
        """Count one label map against one class map, both integer [H, W]; void pixels are left out.

        Raises:
            ValueError: sizes differ, or a value is out of range.
        """
        if truth.shape != prediction.shape:
            raise ValueError(f"label map {truth.shape} and class map {prediction.shape} differ in size")
        num_classes = len(self.counts)
        valid = truth != IGNORE
        rows, columns = truth[valid].astype(np.int64), prediction[valid].astype(np.int64)
        # Without this check a value beyond the last class would be counted in the next row.
        for name, values in (("label map", rows), ("class map", columns)):
            if values.size and not 0 <= values.min() <= values.max() < num_classes:
                raise ValueError(f"{name} holds values outside 0..{num_classes - 1}")
        index = rows * num_classes + columns
        self.counts += np.bincount(index, minlength=num_classes**2).reshape(num_classes, num_classes)

    def scores(self) -> Scores:
        hits = np.diag(self.counts).astype(np.float64)
        union = self.counts.sum(0) + self.counts.sum(1) - hits
        iou = np.divide(hits, union, out=np.full_like(hits, np.nan), where=union > 0)
        total = self.counts.sum()
        return Scores(tuple(float(v) for v in iou), float(hits.sum() / total) if total else float("nan"))


@dataclass(frozen=True)
class Scores:
    """Per-class IoU (nan for a class that neither occurs nor is predicted) and pixel accuracy, 0..1."""

    iou: tuple[float, ...]
    accuracy: float

    @property
    def miou(self) -> float:
        """Mean IoU over the classes that occur or are predicted, 0..1; nan if there are none."""
        counted = [value for value in self.iou if not np.isnan(value)]
        return float(np.mean(counted)) if counted else float("nan")

    def table(self, labels: tuple[str, ...]) -> str:
        """Text table, one class a line, IoU in percent."""
        width = max(len("pixel accuracy"), *(len(label) for label in labels))
        rows = [*zip(labels, self.iou, strict=True), ("mIoU", self.miou), ("pixel accuracy", self.accuracy)]
        return "\n".join(f"{name:<{width}}  {100 * value:6.2f}" for name, value in rows)
