"""The integer arithmetic that every written file must match: TFLite's reference kernels, in numpy.

One rule, stated once (TFLite 8-bit quantization specification, and the gemmlowp rounding its
reference kernels use):

* a product with a real multiplier m becomes a 31-bit mantissa and a power of two; the 32-bit value
  times the mantissa is rounded to nearest (ties away from zero) to its high word, then shifted right
  rounding to nearest (ties away from zero);
* zero points are added after rescaling, then the value saturates to [-128, 127], or to
  [zero_point, 127] where a ReLU is fused.

Layers with int16 activations follow TFLite's 16x8 scheme, whose kernels add a 64-bit bias and rescale 64-bit
sums by another rule: :func:`rescale_wide`.
"""

from __future__ import annotations

import numpy as np

INT8_MIN, INT8_MAX = -128, 127
_INT8 = np.dtype(np.int8)


def quantize(real: np.ndarray, scale: np.ndarray | float, zero_point: int = 0) -> np.ndarray:
    """Quantize real values to int8, rounding half away from zero, saturating."""
    scaled = np.asarray(real, np.float64) / scale
    rounded = np.trunc(scaled + np.copysign(0.5, scaled)) + zero_point
    return np.clip(rounded, INT8_MIN, INT8_MAX).astype(np.int8)


def quantize_activation(real: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    """Quantize float32 as an engine does within a network: divide in float32, then as :func:`quantize`."""
    return quantize(np.asarray(real, np.float32) / np.float32(scale), 1.0, zero_point)


def dequantize(integers: np.ndarray, scale: np.ndarray | float, zero_point: int = 0) -> np.ndarray:
    """Real values of integers, float32."""
    return (integers.astype(np.float32) - np.float32(zero_point)) * np.asarray(scale, np.float32)


def fixed_point(multiplier: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split positive reals into (int64 mantissa in [2^30, 2^31), int64 exponent): m = mantissa * 2^(exponent - 31)."""
    fraction, exponent = np.frexp(np.asarray(multiplier, np.float64))
    mantissa = np.floor(fraction * (1 << 31) + 0.5).astype(np.int64)
    exponent = exponent.astype(np.int64)
    overflow = mantissa == 1 << 31
    mantissa, exponent = np.where(overflow, mantissa // 2, mantissa), exponent + overflow
    underflow = exponent < -31
    return np.where(underflow, 0, mantissa), np.where(underflow, 0, exponent)


def rescale(values: np.ndarray, multiplier: np.ndarray | float) -> np.ndarray:
    """Multiply int32-ranged ``values`` by a positive real (broadcast); int64."""
    mantissa, exponent = fixed_point(np.asarray(multiplier))
    left, right = np.maximum(exponent, 0), np.maximum(-exponent, 0)
    return _rounding_right_shift(_rounding_high_product(values.astype(np.int64) << left, mantissa), right)


def rescale_wide(values: np.ndarray, multiplier: np.ndarray | float) -> np.ndarray:
    """Multiply sums of int16 activations, below 2^47, by a positive real (broadcast); int64.

    The mantissa is cut to 15 bits so that the product fits 64; it is rounded once, ties upwards. The kernels keep 32
    bits of the result, which no layer comes near: its outputs would lie 65,536 times beyond their range.
    """
    mantissa, exponent = fixed_point(np.asarray(multiplier))
    reduced = np.where(mantissa < 0x7FFF0000, (mantissa + (1 << 15)) >> 16, 0x7FFF)
    shift = 15 - exponent
    return (values.astype(np.int64) * reduced + (np.int64(1) << (shift - 1))) >> shift


def requantize(x: np.ndarray, scales: tuple[float, float], zero_points: tuple[int, int], dtype: np.dtype) -> np.ndarray:
    """Convert int8 or int16 to integers ``dtype`` of another scale; scales and zero points are (input, output)."""
    return saturate(rescale(x.astype(np.int64) - zero_points[0], scales[0] / scales[1]), zero_points[1], False, dtype)


def _rounding_high_product(a: np.ndarray, mantissa: np.ndarray) -> np.ndarray:
    """a * mantissa / 2^31, rounded to nearest; the division truncates, as C's does."""
    product = a * mantissa
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    return np.where(nudged >= 0, nudged >> 31, -(-nudged >> 31))


def _rounding_right_shift(values: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """values / 2^shift, rounded to nearest, ties away from zero."""
    mask = (np.int64(1) << shift) - 1
    threshold = (mask >> 1) + (values < 0)
    return (values >> shift) + ((values & mask) > threshold)


def saturate(values: np.ndarray, zero_point: int, relu: bool, dtype: np.dtype = _INT8) -> np.ndarray:
    """Add the zero point and clamp to ``dtype``, at the zero point from below where a ReLU is fused."""
    limits = np.iinfo(dtype)
    low = max(limits.min, zero_point) if relu else limits.min
    return np.clip(values + zero_point, low, limits.max).astype(dtype)


def add(
    a: np.ndarray, b: np.ndarray, scales: tuple[float, float, float], zero_points: tuple[int, int, int], relu: bool
) -> np.ndarray:
    """Add int8 a and b to int8, each with its own scale; scales and zero points are (a, b, output).

    Both inputs are brought to twice the larger scale with 20 guard bits before they meet.
    """
    common = 2 * max(scales[0], scales[1])
    total = sum(
        rescale((x.astype(np.int64) - z) << 20, s / common)
        for x, s, z in zip((a, b), scales[:2], zero_points[:2], strict=True)
    )
    return saturate(rescale(np.asarray(total), common / ((1 << 20) * scales[2])), zero_points[2], relu)


def resize_positions(size_in: int, size_out: int, align_corners: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Integer bilinear taps along one axis.

    Returns:
        (lower, upper, offset): source indices and the distance from ``lower`` in 1/1024, each int64
        [size_out]. The offset is negative or above 1024 at no point that matters: there both taps are
        the same pixel.
    """
    if align_corners and size_out > 1:
        scale = (1024 * (size_in - 1) + (size_out - 1) // 2) // (size_out - 1)
    else:
        scale = (1024 * size_in + size_out // 2) // size_out
    position = np.arange(size_out, dtype=np.int64) * scale
    if not align_corners:
        position += scale // 2 - 512
    truncated = np.where(position >= 0, position // 1024, -(-position // 1024))
    lower = np.maximum(truncated, 0)
    ceiling = position + 1023
    upper = np.minimum(np.where(ceiling >= 0, ceiling // 1024, -(-ceiling // 1024)), size_in - 1)
    return lower, upper, position - 1024 * lower


def resize(x: np.ndarray, height: int, width: int, align_corners: bool) -> np.ndarray:
    """Resize int8 [1, h, w, C] to [1, height, width, C], bilinear with 10-bit weights, same scale."""
    top, bottom, dy = resize_positions(x.shape[1], height, align_corners)
    left, right, dx = resize_positions(x.shape[2], width, align_corners)
    dy, dx = dy[:, None, None], dx[None, :, None]
    image = x[0].astype(np.int64)
    total = (
        image[top][:, left] * (1024 - dy) * (1024 - dx)
        + image[top][:, right] * (1024 - dy) * dx
        + image[bottom][:, left] * dy * (1024 - dx)
        + image[bottom][:, right] * dy * dx
    )
    nudged = total + np.where(total > 0, 1 << 19, -(1 << 19))
    return np.where(nudged >= 0, nudged >> 20, -(-nudged >> 20)).astype(np.int8)[None]
