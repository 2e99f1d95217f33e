from __future__ import annotations

import numpy as np
import pytest
import torch

from fastscnn_edge.evaluation.labels import IGNORE
from fastscnn_edge.reference.loss import AUXILIARY_WEIGHT, balanced_weights, segmentation_loss, soft_dice_loss


def _case(seed: int, classes: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    probabilities = torch.randn(2, classes, 9, 7, generator=generator).mul(2).softmax(1)
    labels = torch.randint(classes, (2, 9, 7), generator=generator)
    labels[torch.rand(2, 9, 7, generator=generator) < 0.2] = IGNORE
    return probabilities, labels


def _naive_dice(probabilities: np.ndarray, labels: np.ndarray) -> float:
    losses = []
    for index in range(probabilities.shape[1]):
        overlap = predicted = true = 0.0
        for n, y, x in np.ndindex(labels.shape):
            if labels[n, y, x] == IGNORE:
                continue
            hit = labels[n, y, x] == index
            predicted += probabilities[n, index, y, x]
            true += hit
            overlap += probabilities[n, index, y, x] * hit
        if true:
            losses.append(1 - 2 * overlap / (predicted + true))
    return float(np.mean(losses))


@pytest.mark.parametrize("seed", range(4))
def test_dice_equals_the_naive_one(seed: int) -> None:
    probabilities, labels = _case(seed)
    labels[labels == 2] = 0  # a class that does not occur must not count
    wanted = _naive_dice(probabilities.double().numpy(), labels.numpy())
    assert float(soft_dice_loss(probabilities, labels)) == pytest.approx(wanted, rel=1e-5)


def test_perfect_prediction_costs_nearly_nothing() -> None:
    _, labels = _case(0)
    logits = 60.0 * torch.nn.functional.one_hot(labels.clamp(max=3), 4).permute(0, 3, 1, 2)
    assert float(segmentation_loss([logits], labels, None, 1.0, False)) < 1e-6


def test_worst_prediction_costs_much() -> None:
    _, labels = _case(0)
    logits = 60.0 * torch.nn.functional.one_hot((labels.clamp(max=3) + 1) % 4, 4).permute(0, 3, 1, 2)
    assert float(segmentation_loss([logits], labels, None, 0.0, False)) == pytest.approx(60, abs=1)
    assert float(soft_dice_loss(logits.softmax(1), labels)) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("align_corners", [False, True])
def test_void_pixels_have_no_influence(align_corners: bool) -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 4, 9, 7, generator=generator, requires_grad=True)
    _, labels = _case(1)
    segmentation_loss([logits], labels, torch.rand(4, generator=generator) + 0.5, 0.5, align_corners).backward()
    assert logits.grad is not None
    void = (labels == IGNORE)[:, None].expand_as(logits)
    assert (logits.grad[void] == 0).all()
    assert (logits.grad[~void] != 0).any()


def test_gradients_are_finite_for_extreme_logits_and_coarse_heads() -> None:
    generator = torch.Generator().manual_seed(2)
    outputs = [1e3 * torch.randn(2, 4, *size, generator=generator) for size in ((5, 6), (2, 2), (5, 6))]
    for logits in outputs:
        logits.requires_grad_()
    labels = torch.randint(4, (2, 37, 41), generator=generator)
    loss = segmentation_loss(outputs, labels, balanced_weights(torch.tensor([0.7, 0.2, 0.1, 0.0])), 0.5, False)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(logits.grad is not None and torch.isfinite(logits.grad).all() for logits in outputs)


def test_a_batch_that_is_void_throughout_costs_nothing() -> None:
    outputs = [torch.randn(2, 4, 4, 4, requires_grad=True), torch.randn(2, 4, 1, 1, requires_grad=True)]
    loss = segmentation_loss(outputs, torch.full((2, 16, 16), IGNORE), torch.ones(4), 0.5, False)
    loss.backward()
    assert loss.item() == 0
    assert all(logits.grad is not None and (logits.grad == 0).all() for logits in outputs)


def test_training_heads_add_their_share() -> None:
    generator = torch.Generator().manual_seed(3)
    main = torch.randn(2, 4, 8, 8, generator=generator)
    labels = torch.randint(4, (2, 8, 8), generator=generator)
    alone, both = (float(segmentation_loss(list(o), labels, None, 0, False)) for o in ((main,), (main, main)))
    assert both == pytest.approx((1 + AUXILIARY_WEIGHT) * alone, rel=1e-5)


def test_balanced_weights_favor_the_rare_and_average_to_one() -> None:
    frequencies = torch.tensor([0.6, 0.3, 0.1, 0.0])
    weights = balanced_weights(frequencies, 1.1)
    assert (weights.diff() > 0).all()
    assert float((weights * frequencies).sum()) == pytest.approx(1)
