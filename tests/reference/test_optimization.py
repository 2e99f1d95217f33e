"""Initialization, optimizer groups, the weight average and seeds."""

from __future__ import annotations

import torch

from fastscnn_edge.reference.model import FastSCNN
from fastscnn_edge.reference.optimization import adamw, initialize, mixed_seed, moving_average
from fastscnn_edge.reference.train_config import TrainConfig


def test_the_weight_average_forgets_the_random_start() -> None:
    average, value = torch.zeros(1), torch.ones(1)
    update = moving_average(0.999)
    for step in range(1, 30):
        update([average], [value], step)
    assert float(average) > 0.99  # a fixed decay of 0.999 would be at 0.03


def test_only_dense_kernels_decay() -> None:
    model = FastSCNN(3)
    decayed, free = (group["params"] for group in adamw(model, TrainConfig()).param_groups)
    assert all(p.ndim == 4 and p.shape[1] > 1 for p in decayed)
    assert not any(p.ndim == 4 and p.shape[1] > 1 for p in free)
    assert len(decayed) + len(free) == len(list(model.parameters()))


def test_the_first_logits_are_small() -> None:
    torch.manual_seed(0)
    model = FastSCNN(3)
    initialize(model)
    assert float(model.classifier.logits.weight.detach().std()) < 0.02
    assert float(model.learning_to_downsample.conv.conv.weight.detach().std()) > 0.02


def test_seeds_depend_on_every_part() -> None:
    assert len({mixed_seed(0, 0, 0), mixed_seed(1, 0, 0), mixed_seed(0, 1, 0), mixed_seed(0, 0, 1)}) == 4
    assert mixed_seed(1, 2, 3) == mixed_seed(1, 2, 3)
