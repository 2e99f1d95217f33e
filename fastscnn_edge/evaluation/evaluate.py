"""mIoU of anything that turns images into class maps. Needs no torch: exported files are scored by the same loop."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tqdm import tqdm

from ..errors import DatasetError
from .datasets import Dataset
from .metrics import Confusion, Scores

Predictor = Callable[[np.ndarray], np.ndarray]
"""RGB uint8 [H, W, 3] to class map uint8 [H, W]."""


def evaluate_predictor(predict: Predictor, dataset: Dataset, title: str = "evaluate") -> Scores:
    """Run ``predict`` over every image of ``dataset`` at its own size.

    Raises:
        DatasetError: an image and its label map do not fit, or the whole split is void.
        SourceError: an image cannot be read.
    """
    confusion = Confusion(len(dataset.classes))
    for index in tqdm(range(len(dataset)), title, leave=False, disable=None):
        image, labels = dataset.pair(index)
        confusion.add(labels, predict(image))
    if not confusion.counts.any():
        raise DatasetError("no pixel of the split carries a class: every label is void")
    return confusion.scores()
