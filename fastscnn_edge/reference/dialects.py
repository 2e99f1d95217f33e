"""The variants of Fast-SCNN that are in use. No torch here: exporters and --help read this."""

from __future__ import annotations

from dataclasses import dataclass

POOL_BINS = (1, 2, 3, 6)
"""Output sizes of the pyramid's adaptive average pools, 50 bins in all."""


@dataclass(frozen=True)
class Dialect:
    """Arithmetic around the weights of a checkpoint, as its keys imply it."""

    name: str
    first_padding: int
    relu_between: bool
    pyramid_kernel: int
    fusion_bias: bool
    align_corners: bool
    auxiliary: tuple[str, ...]


DIALECTS = {
    "mmseg": Dialect("mmseg", 1, False, 3, False, False, ("lower", "higher")),
    "paper": Dialect("paper", 0, True, 1, True, True, ("higher",)),
}
