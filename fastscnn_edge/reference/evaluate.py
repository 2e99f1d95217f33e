"""mIoU of the float model. Artifacts are evaluated by the same loop, see :func:`evaluate_predictor`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from tqdm import tqdm

from ..spec import Normalisation
from .datasets import Dataset
from .metrics import Confusion, Scores
from .model import FastSCNN, resize

Predictor = Callable[[np.ndarray], np.ndarray]
"""RGB uint8 [H, W, 3] to class map uint8 [H, W]."""


def evaluate_predictor(predict: Predictor, dataset: Dataset, title: str = "evaluate") -> Scores:
    """Run ``predict`` over every picture of ``dataset`` at its own size."""
    confusion = Confusion(len(dataset.classes))
    for index in tqdm(range(len(dataset)), title, leave=False):
        confusion.add(dataset.labels(index), predict(dataset.picture(index)))
    return confusion.scores()


def torch_predictor(model: FastSCNN, normalisation: Normalisation) -> Predictor:
    """The float model as a predictor: upsampled by torch, pictures taken at their own size."""
    mean, std = (torch.tensor(v) for v in (normalisation.mean, normalisation.std))

    @torch.inference_mode()
    def predict(picture: np.ndarray) -> np.ndarray:
        x = ((torch.from_numpy(picture).float() - mean) / std).permute(2, 0, 1)[None]
        logits = resize(model(x), picture.shape[:2], model.dialect.align_corners)
        return logits[0].argmax(0).to(torch.uint8).numpy()

    return predict


def evaluate_model(model: FastSCNN, dataset: Dataset, normalisation: Normalisation) -> Scores:
    """Scores of the float model; it is put into evaluation mode and back."""
    was_training = model.training
    model.eval()
    try:
        return evaluate_predictor(torch_predictor(model, normalisation), dataset, "val")
    finally:
        model.train(was_training)
