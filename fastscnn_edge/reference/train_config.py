"""The options of a training run."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import require
from ..spec import INT8_NATIVE, Normalization
from .dialects import DIALECTS


@dataclass(frozen=True)
class TrainConfig:
    """All options that decide the outcome; stored in the checkpoint.

    Attributes:
        crop: (height, width) of the training views, pixels.
        batch: images a step and process.
        rate: peak learning rate; it rises over ``warmup`` of the steps, then falls as (1 - t)^0.9 (paper, section 4).
        ema: decay of the weight average that is evaluated and saved.
        balance: cross-entropy weights 1 / ln(balance + frequency); 0 leaves them out.
        dice: weight of the Dice loss.
        label_stride: the loss uses every n-th row and column.
        bfloat16: autocast the network.
        labels: how label maps were read, in the words of the options; empty: values are class indices.

    Raises:
        UsageError: a value is out of range.
    """

    epochs: int = 200
    crop: tuple[int, int] = (360, 480)
    batch: int = 8
    rate: float = 2e-3
    warmup: float = 0.04
    decay: float = 0.01
    ema: float = 0.998
    balance: float = 1.10
    dice: float = 0.5
    label_stride: int = 2
    dialect: str = "mmseg"
    seed: int = 0
    bfloat16: bool = False
    labels: str = ""
    normalization: Normalization = INT8_NATIVE

    def __post_init__(self) -> None:
        require(self.epochs >= 1, f"epochs is at least 1, not {self.epochs}")
        require(min(self.crop) >= 32, f"crop is at least 32 pixels a side, not {self.crop[0]}x{self.crop[1]}")
        # The pyramid's 1x1 level has one value a channel and image: batch norm needs two.
        require(self.batch >= 2, f"batch is at least 2, not {self.batch}: batch norm needs more than one picture")
        require(0 < self.rate <= 1, f"rate is above 0 and at most 1, not {self.rate}")
        require(0 <= self.warmup < 1, f"warmup is at least 0 and below 1, not {self.warmup}")
        require(0 <= self.decay <= 1, f"decay is 0 to 1, not {self.decay}")
        require(0 <= self.ema < 1, f"ema is at least 0 and below 1, not {self.ema}")
        require(self.balance == 0 or 1 < self.balance <= 100, f"balance is 0, or above 1, not {self.balance}")
        require(0 <= self.dice <= 100, f"dice is 0 to 100, not {self.dice}")
        require(1 <= self.label_stride <= 8, f"label stride is 1 to 8, not {self.label_stride}")
        require(0 <= self.seed < 2**32, f"seed is 0 to 4294967295, not {self.seed}")
        require(self.dialect in DIALECTS, f"unknown dialect '{self.dialect}'; one of: {', '.join(DIALECTS)}")

    def learning_rate(self, progress: float) -> float:
        """Rate at ``progress`` 0..1 through the run."""
        if progress < self.warmup:
            return self.rate * (0.01 + 0.99 * progress / self.warmup)
        result: float = self.rate * (1 - (progress - self.warmup) / (1 - self.warmup)) ** 0.9
        return result
