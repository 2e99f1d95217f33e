"""Random views with stronger changes: blur, pasted objects of rare classes, erased rectangles."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor

from ._package import IGNORE, Augmentation, Dataset, random_view

RARE = 0.02
"""Classes with a smaller share of the pixels are pasted."""

ENOUGH = 50
"""Pixels of a class that make an image worth pasting from."""


@dataclass(frozen=True)
class Strength:
    """How much a view is changed; with the defaults it is the package's own view.

    Attributes:
        scale: least and greatest magnification.
        jitter: greatest relative change of brightness, contrast and saturation.
        blur: probability of a Gaussian blur of up to 1.5 pixels.
        mix: probability that objects of rare classes are pasted from another image's view.
        erase: probability that one to three rectangles become gray and void.
    """

    scale: tuple[float, float] = (0.5, 2.0)
    jitter: float = 0.3
    blur: float = 0.0
    mix: float = 0.0
    erase: float = 0.0


class StrongViews:
    """The epoch's batches of views; those of (seed, epoch) are the same after a resume.

    Decoded images are kept: 0.7 MB each at 360x480.

    Args:
        crop: (height, width) of the views, pixels.
        rare: a class is pasted if its share of the pixels is smaller.
    """

    def __init__(
        self, dataset: Dataset, crop: tuple[int, int], seed: int, strength: Strength, rare: float = RARE
    ) -> None:
        self.pairs = [dataset.pair(index) for index in range(len(dataset))]
        self.seed, self.strength = seed, strength
        self.augmentation = Augmentation(crop, scale=strength.scale, jitter=strength.jitter)
        counts = np.stack([np.bincount(labels.ravel(), minlength=256) for _, labels in self.pairs])
        counts = counts[:, : len(dataset.classes)]
        shares = counts.sum(0) / max(counts.sum(), 1)
        # Class to the images that show enough of it.
        self.sources = {
            int(c): np.flatnonzero(counts[:, c] >= ENOUGH)
            for c in np.flatnonzero((shares > 0) & (shares < rare))
            if (counts[:, c] >= ENOUGH).any()
        }

    def batches(self, epoch: int, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Whole batches of images uint8 [N, h, w, 3] and labels uint8 [N, h, w] in the epoch's order."""
        order = np.random.default_rng((self.seed, epoch)).permutation(len(self.pairs))
        for start in range(0, len(order) - batch + 1, batch):
            views = [self.view(int(index), epoch) for index in order[start : start + batch]]
            yield (
                torch.from_numpy(np.stack([image for image, _ in views])),
                torch.from_numpy(np.stack([labels for _, labels in views])),
            )

    def steps(self, batch: int) -> int:
        return len(self.pairs) // batch

    def view(self, index: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Picture RGB uint8 [h, w, 3] and labels uint8 [h, w], which depend on seed, epoch and index alone."""
        rng = np.random.default_rng((self.seed, epoch, index))
        image, labels = random_view(*self.pairs[index], self.augmentation, rng)
        if self.sources and rng.random() < self.strength.mix:
            image, labels = self._paste(image, labels, rng)
        if rng.random() < self.strength.blur:
            radius = rng.uniform(0.3, 1.5)
            image = np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))
        if rng.random() < self.strength.erase:
            image, labels = _erase(image, labels, rng)
        return image, labels

    def _paste(self, image: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Objects of one rare class, and of each other rare class by a coin, from a view of another image."""
        chosen = int(rng.choice(list(self.sources)))
        source = self.pairs[int(rng.choice(self.sources[chosen]))]
        other, other_labels = random_view(*source, self.augmentation, rng)
        pasted = [c for c in self.sources if rng.random() < 0.5 or c == chosen]
        mask = np.isin(other_labels, pasted)
        return np.where(mask[..., None], other, image), np.where(mask, other_labels, labels)


def _erase(image: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One to three rectangles of 1/16 to 1/4 of each side become mid gray and void."""
    image, labels = image.copy(), labels.copy()
    height, width = labels.shape
    for _ in range(int(rng.integers(1, 4))):
        h, w = int(height * rng.uniform(1 / 16, 1 / 4)), int(width * rng.uniform(1 / 16, 1 / 4))
        y, x = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
        image[y : y + h, x : x + w] = 128
        labels[y : y + h, x : x + w] = IGNORE
    return image, labels


def add_view_options(parser: argparse.ArgumentParser, default: Strength) -> None:
    """The options that :func:`strength_of` reads."""
    add = parser.add_argument
    add(
        "--scale",
        type=float,
        nargs=2,
        default=default.scale,
        metavar="X",
        help="least and greatest magnification (%(default)s)",
    )
    add("--jitter", type=float, default=default.jitter, metavar="X", help="change of colors (%(default)s)")
    add("--blur", type=float, default=default.blur, metavar="P", help="probability of a blur (%(default)s)")
    add(
        "--mix",
        type=float,
        default=default.mix,
        metavar="P",
        help="probability of pasted objects of rare classes (%(default)s)",
    )
    add(
        "--erase", type=float, default=default.erase, metavar="P", help="probability of erased rectangles (%(default)s)"
    )


def strength_of(args: argparse.Namespace) -> Strength:
    return Strength((args.scale[0], args.scale[1]), args.jitter, args.blur, args.mix, args.erase)
