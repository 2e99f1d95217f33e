"""The parts of the student's loss that the package's trainer does not have."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ._package import AUXILIARY_WEIGHT, IGNORE, resize, soft_dice_loss


def student_loss(
    outputs: list[Tensor],
    labels: Tensor,
    weights: Tensor | None,
    dice: float,
    *,
    hardest: float = 1.0,
    boundary: float = 0.0,
    align_corners: bool = False,
) -> Tensor:
    """The package's loss with two more levers; equal to it at their defaults.

    Args:
        outputs: logits, main first, each [N, C, h, w] on its own grid.
        labels: int64 [N, H, W].
        weights: float [C] or None.
        dice: weight of the Dice term.
        hardest: share of the labeled pixels, those with the greatest loss, that count in the main cross-entropy.
        boundary: added weight of the pixels beside another class.
    """
    main, *auxiliary = outputs
    log_probabilities = F.log_softmax(resize(main.float().contiguous(), labels.shape[1:], align_corners), 1)
    loss = cross_entropy(log_probabilities, labels, weights, hardest, boundary)
    if dice:
        loss = loss + dice * soft_dice_loss(log_probabilities.exp(), labels)
    for logits in auxiliary:
        target = F.interpolate(labels[:, None].float(), logits.shape[2:], mode="nearest-exact")[:, 0].long()
        loss = loss + AUXILIARY_WEIGHT * cross_entropy(F.log_softmax(logits.float(), 1), target, weights)
    return loss


def cross_entropy(
    log_probabilities: Tensor, labels: Tensor, weights: Tensor | None, hardest: float = 1.0, boundary: float = 0.0
) -> Tensor:
    """Weighted mean of -log p over the labeled pixels; 0 where there are none.

    Args:
        log_probabilities: [N, C, H, W].
        labels: int64 [N, H, W].
    """
    valid = labels != IGNORE
    if not valid.any():
        return 0 * log_probabilities.sum()
    losses = F.nll_loss(log_probabilities, labels, reduction="none", ignore_index=IGNORE)
    shares = valid.float() if weights is None else torch.where(valid, weights[labels.where(valid, 0)], 0.0)
    if boundary:
        shares = shares * (1 + boundary * edges(labels))
    if hardest < 1:
        with torch.no_grad():
            known = losses[valid]
            least = known.kthvalue(max(1, round((1 - hardest) * known.numel()))).values
        shares = shares * (losses >= least)
    return (shares * losses).sum() / shares.sum()


def edges(labels: Tensor, reach: int = 2) -> Tensor:
    """1.0 where another label lies within ``reach`` pixels, else 0.0: float [N, H, W] of int64 [N, H, W]."""
    values = labels[:, None].float()
    size = 2 * reach + 1
    greatest = F.max_pool2d(values, size, 1, reach)
    least = -F.max_pool2d(-values, size, 1, reach)
    return (greatest != least)[:, 0].float()


def distillation(logits: Tensor, teacher: Tensor, temperature: float, align_corners: bool = False) -> Tensor:
    """Mean Kullback-Leibler divergence from the teacher over all pixels, void ones too, times temperature squared.

    Args:
        logits: the student's, [N, C, h, w]; resized to the teacher's grid.
        teacher: probabilities at ``temperature``, float32 [N, C, H/4, W/4].
    """
    student = F.log_softmax(resize(logits.float().contiguous(), teacher.shape[2:], align_corners) / temperature, 1)
    divergence = (teacher * (teacher.clamp(min=1e-8).log() - student)).sum(1)
    return temperature**2 * divergence.mean()
