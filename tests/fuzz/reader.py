"""Interface of the readers under test."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fastscnn_edge.errors import FastSCNNEdgeError
from tests.fuzz.mutations import mutate_bytes


class Reader(ABC):
    """A way into the program for data of strangers.

    Attributes:
        name: for the command line and the table.
        suffix: that of the files.
        share: of the number of cases that was asked for; below 1 where a case is slow.
        timeout: seconds after which a case hangs.
        errors: that refuse a file.
    """

    name: str
    suffix: str
    share = 1.0
    timeout = 30.0
    errors: tuple[type[Exception], ...] = (FastSCNNEdgeError,)

    @abstractmethod
    def seeds(self, folder: Path) -> list[bytes]:
        """Small valid files; ``folder`` is empty and may be used to make them."""

    def mutate(self, rng: np.random.Generator, seeds: Sequence[bytes]) -> bytes:
        """One case."""
        return mutate_bytes(rng, seeds[int(rng.integers(len(seeds)))], seeds)

    @abstractmethod
    def read(self, path: Path) -> None:
        """Read ``path`` as the program does; its folder holds nothing else and may be used.

        Raises:
            Exception: one of :attr:`errors` where it is refused; anything else is a failure.
        """
