"""Quantization schemes: which integers an activation or a weight may use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..graph.graph import Quantization


@dataclass(frozen=True)
class Scheme:
    """Rules that turn ranges into scales.

    ``affine`` is TFLite's: int8 activations with a zero point, so that a ReLU's output uses all 256
    steps; symmetric int8 weights in [-127, 127], one scale per output channel; int32 bias.

    ``symmetric`` is what TensorRT asks for: the same weights, but every activation has zero point 0 and
    spans [-127, 127] steps, of which a ReLU's output uses the upper half.

    Attributes:
        name: key of :data:`SCHEMES`, also written into files.
        zero_points: whether activations may have one other than 0.
    """

    name: str = "affine"
    zero_points: bool = True

    def activation(self, low: float, high: float) -> Quantization:
        """Parameters for an activation that spans [low, high]; the range is widened to hold 0.

        Real 0 is represented exactly, because zero padding and ReLU must be.
        """
        low, high = min(float(low), 0.0), max(float(high), 0.0)
        if not self.zero_points:
            peak = max(-low, high, 1e-12)
            return Quantization(np.array([peak / 127], np.float32), 0)
        if high - low < 1e-12:
            high = low + 1e-12
        scale = np.float32((high - low) / 255)
        zero_point = int(np.clip(round(-128 - low / float(scale)), -128, 127))
        return Quantization(np.array([scale], np.float32), zero_point)


AFFINE = Scheme()
SYMMETRIC = Scheme("symmetric", zero_points=False)

SCHEMES = {scheme.name: scheme for scheme in (AFFINE, SYMMETRIC)}
