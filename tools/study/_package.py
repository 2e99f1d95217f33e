"""Everything the study takes from fastscnn_edge, so that a module that moves there is followed here only."""

from __future__ import annotations

from fastscnn_edge.evaluation.datasets import Dataset, open_dataset
from fastscnn_edge.evaluation.evaluate import Predictor
from fastscnn_edge.evaluation.labels import IGNORE
from fastscnn_edge.evaluation.metrics import Confusion
from fastscnn_edge.files import write_text
from fastscnn_edge.reference.augment import Augmentation, random_view
from fastscnn_edge.reference.checkpoint import save_checkpoint, stored_state
from fastscnn_edge.reference.loss import AUXILIARY_WEIGHT, class_weights, segmentation_loss, soft_dice_loss, thin
from fastscnn_edge.reference.model import FastSCNN, resize
from fastscnn_edge.reference.optimization import adamw as student_optimizer
from fastscnn_edge.reference.optimization import initialize, mixed_seed, moving_average
from fastscnn_edge.reference.torch_predictor import torch_predictor
from fastscnn_edge.reference.train_config import TrainConfig
from fastscnn_edge.reference.training_state import write_state
from fastscnn_edge.reference.views import normalize
from fastscnn_edge.spec import INT8_NATIVE

__all__ = [
    "AUXILIARY_WEIGHT",
    "IGNORE",
    "INT8_NATIVE",
    "Augmentation",
    "Confusion",
    "Dataset",
    "FastSCNN",
    "Predictor",
    "TrainConfig",
    "class_weights",
    "initialize",
    "mixed_seed",
    "moving_average",
    "normalize",
    "open_dataset",
    "random_view",
    "resize",
    "save_checkpoint",
    "segmentation_loss",
    "soft_dice_loss",
    "stored_state",
    "student_optimizer",
    "thin",
    "torch_predictor",
    "write_state",
    "write_text",
]
