"""Rounding of weights in which the errors of one make up for those of the others (GPTQ).

Rounding each weight to the nearest integer is best only if inputs are unrelated. Given the covariance H of a
convolution's inputs, the error of its output is e^T H e for a weight error e. As in GPTQ (Frantar et al. 2022)
weights are rounded one input after the other, and what each rounding got wrong is made good, in the least squares
sense, by the weights not yet rounded.
"""

from __future__ import annotations

import numpy as np

from .layer_statistics import LayerStatistics, as_matrix

DAMPING = 0.01
"""Term added to the diagonal of H, as a share of its mean, besides the ratio of inputs to sampled positions: weights
must not follow a few positions."""

_BLOCK = 64
"""Inputs whose errors are made good at once in all that follow, for fast matrix products."""


def round_weights(layer: LayerStatistics) -> LayerStatistics:
    """Weights that let the integer convolution, on integer inputs, follow the float one on float inputs.

    Before rounding, the weights move to where the float output is met best from the inputs that the integers before
    this convolution really give.
    """
    assert layer.real_weight.data is not None and layer.weight.quantization is not None
    scale = layer.weight.quantization.scale.astype(np.float64)[:, None]
    start = as_matrix(layer.real_weight.data, layer.op.depthwise) / scale
    inverse = np.linalg.inv(_damped(layer.gram, layer.count))
    if layer.op.depthwise:
        missing = layer.cross[:, :, 0] / layer.unit[:, None] - np.einsum("okl,ol->ok", layer.gram, start)
        start = start + np.einsum("okl,ol->ok", inverse, missing)
        return layer.with_weight(_round(start, _compensation(inverse)))
    missing = (layer.cross / layer.unit).T - start @ layer.gram
    start = start + missing @ inverse
    # Inputs of the largest variance first: their errors weigh most, and most others are still there to make them good.
    order = np.argsort(-np.diag(layer.gram), kind="stable")
    rounded = np.empty_like(start)
    rounded[:, order] = _round(start[:, order], _compensation(inverse[np.ix_(order, order)]))
    return layer.with_weight(rounded)


def _round(start: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Integers near ``start`` [O, K]; ``factor`` [K, K] or [O, K, K] is upper triangular."""
    left, rounded = start.copy(), np.empty_like(start)
    size = start.shape[1]
    for first in range(0, size, _BLOCK):
        last = min(first + _BLOCK, size)
        errors = np.empty((len(start), last - first))
        for k in range(first, last):
            rounded[:, k] = np.clip(np.round(left[:, k]), -127, 127)
            errors[:, k - first] = (left[:, k] - rounded[:, k]) / factor[..., k, k]
            left[:, k:last] -= errors[:, k - first, None] * factor[..., k, k:last]
        if last < size:
            # Only dense convolutions are this wide; a depthwise kernel is one block.
            left[:, last:] -= errors @ factor[first:last, last:]
    return rounded


def _damped(gram: np.ndarray, count: int) -> np.ndarray:
    size = gram.shape[-1]
    mean = np.maximum(np.einsum("...kk->...k", gram).mean(-1), 1e-6)
    return gram + ((DAMPING + size / count) * mean)[..., None, None] * np.eye(size)


def _compensation(inverse: np.ndarray) -> np.ndarray:
    """Upper triangular U with gram^-1 = U^T U: row k says where the error of input k is made good."""
    return np.linalg.cholesky(inverse).swapaxes(-1, -2)
