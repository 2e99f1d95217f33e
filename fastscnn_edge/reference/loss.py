"""The training loss: weighted cross-entropy plus soft Dice on the main logits, cross-entropy on the others."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from ..errors import DatasetError
from ..evaluation.datasets import Dataset
from ..evaluation.labels import IGNORE
from .model import resize

AUXILIARY_WEIGHT = 0.4
"""Weight of each training head's loss relative to the main one's (paper, section 3.3)."""


def balanced_weights(frequencies: Tensor, strength: float = 1.10) -> Tensor:
    """Class weights 1 / ln(strength + frequency), normalized to mean 1 over the pixels.

    The form is ENet's (arXiv 1606.02147, section 4), which used 1.02; a larger constant balances less.
    """
    weights = 1 / torch.log(strength + frequencies)
    return weights / (weights * frequencies).sum()


def class_weights(dataset: Dataset, strength: float, *, show: bool = True) -> Tensor:
    """:func:`balanced_weights` of the classes' shares of ``dataset``'s pixels, with a progress bar if ``show``.

    Raises:
        DatasetError: no pixel carries a class.
    """
    counts = np.zeros(256)
    for index in tqdm(range(len(dataset)), "class frequencies", disable=None if show else True, leave=False):
        counts += np.bincount(dataset.labels(index).ravel(), minlength=256)
    counts = counts[: len(dataset.classes)]
    if not counts.any():
        raise DatasetError("no pixel of the train split carries a class: every label is void")
    return balanced_weights(torch.tensor(counts / counts.sum(), dtype=torch.float32), strength)


def segmentation_loss(
    outputs: list[Tensor], labels: Tensor, weights: Tensor | None, dice: float, align_corners: bool
) -> Tensor:
    """Scalar loss, finite even if a batch is all void.

    Args:
        outputs: logits, main first, each [N, C, h, w] on its own grid.
        labels: int64 [N, H, W], :data:`IGNORE` for void.
        weights: float [C] or None.
        dice: weight of the Dice term; 0 leaves it out.
    """
    main, *auxiliary = outputs
    log_probabilities = F.log_softmax(resize(main.float().contiguous(), labels.shape[1:], align_corners), 1)
    loss = _cross_entropy(log_probabilities, labels, weights)
    if dice:
        loss = loss + dice * soft_dice_loss(log_probabilities.exp(), labels)
    for logits in auxiliary:
        # On the head's own grid: full resolution would cost more than the network itself.
        target = F.interpolate(labels[:, None].float(), logits.shape[2:], mode="nearest-exact")[:, 0].long()
        loss = loss + AUXILIARY_WEIGHT * _cross_entropy(F.log_softmax(logits.float(), 1), target, weights)
    return loss


def _cross_entropy(log_probabilities: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor:
    """Weighted mean over the labeled pixels; 0 if there are none, where torch would return nan."""
    if not (labels != IGNORE).any():
        return 0 * log_probabilities.sum()
    return F.nll_loss(log_probabilities, labels, weights, ignore_index=IGNORE)


def thin(labels: Tensor, stride: int) -> Tensor:
    """Every ``stride``-th row and column of [N, H, W] from a random start: the loss at full size costs as much
    as the network, and neighboring pixels are nearly alike."""
    row, column = torch.randint(stride, (2,)).tolist()
    return labels[:, row::stride, column::stride]


def soft_dice_loss(probabilities: Tensor, labels: Tensor) -> Tensor:
    """1 - mean Dice over the classes that occur in the batch; 0 if it is all void.

    Args:
        probabilities: [N, C, H, W], sum 1 over C.
        labels: int64 [N, H, W], :data:`IGNORE` where void.
    """
    count, classes = probabilities.shape[:2]
    valid = labels != IGNORE
    # Void goes to a class of its own, cut off again: far faster than gathering by class.
    index = torch.where(valid, labels, classes)[:, None]
    truth = probabilities.new_zeros(count, classes + 1, *labels.shape[1:]).scatter_(1, index, 1.0)[:, :classes]
    overlap = (probabilities * truth).sum((0, 2, 3))
    total = (probabilities * valid[:, None]).sum((0, 2, 3)) + truth.sum((0, 2, 3))
    present = truth.sum((0, 2, 3)) > 0
    # A sum over max(count, 1) instead of a mean: no class present gives 0 and a zero gradient, not nan.
    return (1 - 2 * overlap[present] / total[present]).sum() / present.sum().clamp(min=1)
