"""The training loss: weighted cross-entropy plus soft Dice on the main logits, cross-entropy on the others."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .datasets import IGNORE
from .model import resize

AUXILIARY_WEIGHT = 0.4
"""Of each training head's loss against the main one's (paper, section 3.3)."""


def balanced_weights(frequencies: Tensor, strength: float = 1.10) -> Tensor:
    """Class weights 1 / ln(strength + frequency), normalised to mean 1 over the pixels.

    The form is ENet's (arXiv 1606.02147, section 4), which used 1.02; a larger constant balances less.
    """
    weights = 1 / torch.log(strength + frequencies)
    return weights / (weights * frequencies).sum()


def segmentation_loss(outputs: list[Tensor], labels: Tensor, weights: Tensor | None, dice: float,
                      align_corners: bool) -> Tensor:
    """Scalar loss.

    Args:
        outputs: logits, main first, each [N, C, h, w] on its own grid.
        labels: int64 [N, H, W], :data:`IGNORE` where void.
        weights: float [C] or None.
        dice: weight of the Dice term; 0 leaves it out.
    """
    main, *auxiliary = outputs
    log_probabilities = F.log_softmax(resize(main.float().contiguous(), labels.shape[1:], align_corners), 1)
    loss = F.nll_loss(log_probabilities, labels, weights, ignore_index=IGNORE)
    if dice:
        loss = loss + dice * soft_dice_loss(log_probabilities.exp(), labels)
    for logits in auxiliary:
        # On the head's own grid: full resolution would cost more than the network itself.
        target = F.interpolate(labels[:, None].float(), logits.shape[2:], mode="nearest-exact")[:, 0].long()
        loss = loss + AUXILIARY_WEIGHT * F.cross_entropy(logits.float(), target, weights, ignore_index=IGNORE)
    return loss


def soft_dice_loss(probabilities: Tensor, labels: Tensor) -> Tensor:
    """1 - mean Dice over the classes that occur in the batch.

    Args:
        probabilities: [N, C, H, W], sum 1 over C.
        labels: int64 [N, H, W], :data:`IGNORE` where void.
    """
    count, classes = probabilities.shape[:2]
    valid = labels != IGNORE
    # Void goes to a class of its own, cut off again: far faster than gathering by class.
    index = torch.where(valid, labels, classes)[:, None]
    truth = torch.zeros(count, classes + 1, *labels.shape[1:]).scatter_(1, index, 1.0)[:, :classes]
    overlap = (probabilities * truth).sum((0, 2, 3))
    total = (probabilities * valid[:, None]).sum((0, 2, 3)) + truth.sum((0, 2, 3))
    present = truth.sum((0, 2, 3)) > 0
    return 1 - (2 * overlap[present] / total[present]).mean()
