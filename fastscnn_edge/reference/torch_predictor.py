"""The float model as a predictor for :mod:`fastscnn_edge.evaluation.evaluate`."""

from __future__ import annotations

import numpy as np
import torch

from ..evaluation.evaluate import Predictor
from ..spec import Normalization
from .model import FastSCNN, resize


def torch_predictor(model: FastSCNN, normalization: Normalization) -> Predictor:
    """``model`` (in evaluation mode) as a predictor: images at their own size, logits upsampled by torch."""
    mean, std = (np.array(v, np.float32) for v in (normalization.mean, normalization.std))

    @torch.inference_mode()
    def predict(image: np.ndarray) -> np.ndarray:
        x = torch.from_numpy((image - mean) / std).permute(2, 0, 1)[None]
        logits = resize(model(x), image.shape[:2], model.dialect.align_corners)
        return logits[0].argmax(0).to(torch.uint8).numpy()

    return predict
