"""The float model as a predictor for :mod:`.evaluate`."""

from __future__ import annotations

import numpy as np
import torch

from ..evaluation.datasets import Dataset
from ..evaluation.evaluate import Predictor, evaluate_predictor
from ..evaluation.metrics import Scores
from ..spec import Normalization
from .model import FastSCNN, resize


def torch_predictor(model: FastSCNN, normalization: Normalization) -> Predictor:
    """``model`` (in evaluation mode) as a predictor: pictures at their own size, logits upsampled by torch."""
    mean, std = (np.array(v, np.float32) for v in (normalization.mean, normalization.std))

    @torch.inference_mode()
    def predict(image: np.ndarray) -> np.ndarray:
        x = torch.from_numpy((image - mean) / std).permute(2, 0, 1)[None]
        logits = resize(model(x), image.shape[:2], model.dialect.align_corners)
        return logits[0].argmax(0).to(torch.uint8).numpy()

    return predict


def evaluate_model(model: FastSCNN, dataset: Dataset, normalization: Normalization) -> Scores:
    """Scores of the float model; it is put into evaluation mode and back."""
    was_training = model.training
    model.eval()
    try:
        return evaluate_predictor(torch_predictor(model, normalization), dataset, "val")
    finally:
        model.train(was_training)
