"""Batches of random training views, the same for the same seed whatever loads them."""

from __future__ import annotations

import math
import signal
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler
from torch.utils.data import Dataset as TorchDataset

from ..errors import FastSCNNEdgeError
from ..evaluation.datasets import Dataset
from ..spec import Normalization
from .augment import Augmentation, random_view
from .processes import STOPS, stops_held


class Views(TorchDataset[tuple[Tensor, Tensor]]):
    """Random views; the one of (epoch, index) depends only on the seed, not on workers or processes.

    An item is an image uint8 [h, w, 3] and labels uint8 [h, w]. Set ``epoch`` before the loader is
    iterated: workers are started for each pass and copy it.
    """

    def __init__(self, dataset: Dataset, crop: tuple[int, int], seed: int) -> None:
        self.dataset = dataset
        self.augmentation = Augmentation(crop)
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((self.seed, self.epoch, index))
        view, labels = random_view(*self.dataset.pair(index), self.augmentation, rng)
        return torch.from_numpy(view.copy()), torch.from_numpy(labels.copy())


class EpochOrder(Sampler[int]):
    """This process's share of the epoch's order, which is the same after a resume.

    Every process gets the same number of images; if they do not divide evenly, the first ones come twice.
    """

    def __init__(self, views: Views, rank: int, world: int) -> None:
        self.views, self.rank, self.world = views, rank, world

    def __len__(self) -> int:
        return math.ceil(len(self.views) / self.world)

    def __iter__(self) -> Iterator[int]:
        order = np.random.default_rng((self.views.seed, self.views.epoch)).permutation(len(self.views))
        return iter(np.resize(order, len(self) * self.world)[self.rank :: self.world].tolist())


def view_loader(views: Views, batch: int, workers: int, rank: int, world: int) -> DataLoader[tuple[Tensor, Tensor]]:
    """Whole batches of (images uint8 [N, h, w, 3], labels uint8 [N, h, w]) in :class:`EpochOrder`."""
    return DataLoader(
        views,
        batch,
        sampler=EpochOrder(views, rank, world),
        num_workers=workers,
        drop_last=True,
        worker_init_fn=_leave_stops_to_parent,
        # A generator of its own: the loader's draw would shift the random numbers of dropout.
        generator=torch.Generator(),
    )


def batches(loader: DataLoader[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
    """The loader's batches; an error in a worker is raised here again, in one line.

    Raises:
        DatasetError, SourceError: a file of the dataset cannot be used.
    """
    try:
        yield from _started(loader)
    except FastSCNNEdgeError as error:
        # torch wraps a worker's traceback around the message; its last line is "module.Class: message".
        last = str(error).strip().splitlines()[-1]
        # Without our side's traceback, which would keep the iterator and its workers alive.
        cause = error.with_traceback(None)
        raise type(error)(last.removeprefix(f"{type(error).__module__}.{type(error).__name__}: ")) from cause


def _started(loader: DataLoader[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
    with stops_held():  # the workers start here
        return iter(loader)


def normalize(images: Tensor, normalization: Normalization) -> Tensor:
    """uint8 [N, H, W, 3] to float32 [N, 3, H, W], channels-last in memory."""
    mean, std = (torch.tensor(v) for v in (normalization.mean, normalization.std))
    return ((images.float() - mean) / std).permute(0, 3, 1, 2)


def _leave_stops_to_parent(_worker: int) -> None:
    # Terminal, systemd, Slurm and timeout send them to the whole process group; the parent decides when workers end,
    # and if it dies, they notice by themselves.
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)
