"""The integer arithmetic against exact rationals and against plain definitions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastscnn_edge.quantization.graph import arithmetic

int32 = st.integers(-(2**31) + 1, 2**31 - 1)
multipliers = st.floats(2.0**-20, 0.999, exclude_min=True)


@given(st.floats(2.0**-30, 2.0**10))
def test_fixed_point_is_within_half_a_unit(multiplier: float) -> None:
    mantissa, exponent = (int(v) for v in arithmetic.fixed_point(np.array(multiplier)))
    assert 2**30 <= mantissa < 2**31
    error = abs(Fraction(mantissa) * Fraction(2) ** (exponent - 31) - Fraction(multiplier))
    assert error <= Fraction(2) ** (exponent - 31) / 2


@given(int32, multipliers)
def test_rescale_is_within_one_step_of_the_exact_product(value: int, multiplier: float) -> None:
    result = int(arithmetic.rescale(np.array([value]), multiplier)[0])
    # Rounding happens twice, each at most half a step of its own stage, and the mantissa is rounded once.
    assert abs(Fraction(result) - value * Fraction(multiplier)) <= Fraction(1) + abs(value) * Fraction(1, 2**30)


@given(st.integers(-(2**20), 2**20), multipliers)
def test_rescale_is_odd_up_to_ties(value: int, multiplier: float) -> None:
    up, down = (int(arithmetic.rescale(np.array([v]), multiplier)[0]) for v in (value, -value))
    assert abs(up + down) <= 1


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=20), st.floats(0.01, 1), st.integers(-128, 127))
def test_quantize_then_dequantize_stays_within_half_a_step(values: list[float], scale: float, zero_point: int) -> None:
    real = np.array(values, np.float32)
    integers = arithmetic.quantize(real, scale, zero_point)
    inside = (integers > -128) & (integers < 127)
    error = np.abs(arithmetic.dequantize(integers, scale, zero_point) - real)
    assert (error[inside] <= scale / 2 + 1e-4).all()


@given(st.integers(-(2**46), 2**46), st.floats(2.0**-31, 2.0**-20))
def test_rescale_wide_rounds_the_product_with_a_15_bit_mantissa_once(value: int, multiplier: float) -> None:
    result = int(arithmetic.rescale_wide(np.array([value]), multiplier)[0])
    exact = value * Fraction(multiplier)
    assert abs(Fraction(result) - exact) <= Fraction(1, 2) + abs(exact) / 2**14


def test_rescale_wide_rounds_ties_up() -> None:
    assert arithmetic.rescale_wide(np.array([1, -1, 3, -3]), 0.5).tolist() == [1, 0, 2, -1]


@given(st.integers(-128, 127), st.floats(1e-4, 10), st.integers(-128, 127))
def test_an_int8_value_survives_float_and_int16(value: int, scale: float, zero_point: int) -> None:
    x, scale = np.array([value], np.int8), float(np.float32(scale))
    real = arithmetic.dequantize(x, scale, zero_point)
    assert arithmetic.quantize_activation(real, scale, zero_point) == x
    wide = float(np.float32(scale * 255 / 32767))  # the largest magnitude an int8 value can have
    there = arithmetic.requantize(x, (scale, wide), (zero_point, 0), np.dtype(np.int16))
    assert there.dtype == np.int16
    assert abs(int(there[0]) * wide - float(real[0])) <= wide
    assert arithmetic.requantize(there, (wide, scale), (0, zero_point), np.dtype(np.int8)) == x


def test_quantize_rounds_half_away_from_zero() -> None:
    assert arithmetic.quantize(np.array([0.5, -0.5, 1.5, -1.5, 0.49]), 1.0).tolist() == [1, -1, 2, -2, 0]


def test_saturate_clamps_relu_at_the_zero_point() -> None:
    values = np.array([-500, -1, 0, 1, 500])
    assert arithmetic.saturate(values, -20, relu=True).tolist() == [-20, -20, -20, -19, 127]
    assert arithmetic.saturate(values, -20, relu=False).tolist() == [-128, -21, -20, -19, 127]
    wide = np.array([-40000, -1, 0, 40000])
    assert arithmetic.saturate(wide, 0, relu=False, dtype=np.dtype(np.int16)).tolist() == [-32768, -1, 0, 32767]
    assert arithmetic.saturate(wide, 0, relu=True, dtype=np.dtype(np.int16)).tolist() == [0, 0, 0, 32767]


@given(st.integers(1, 40), st.integers(1, 90), st.booleans())
def test_resize_taps_stay_inside_and_weights_are_a_convex_combination(small: int, large: int, corners: bool) -> None:
    lower, upper, offset = arithmetic.resize_positions(small, large, corners)
    assert (lower >= 0).all() and (upper < small).all() and (lower <= upper).all()
    inner = lower != upper
    assert (offset[inner] >= 0).all() and (offset[inner] <= 1024).all()


@pytest.mark.parametrize("corners", [False, True])
def test_resize_keeps_a_constant(corners: bool) -> None:
    image = np.full((1, 3, 5, 2), -77, np.int8)
    assert (arithmetic.resize(image, 11, 20, corners) == -77).all()


@given(st.integers(-128, 127), st.integers(-128, 127))
def test_add_is_within_one_step_of_the_real_sum(a: int, b: int) -> None:
    scales, zero_points = (0.03, 0.05, 0.07), (-3, 10, -5)
    result = arithmetic.add(np.array([a], np.int8), np.array([b], np.int8), scales, zero_points, relu=False)
    real = (a + 3) * 0.03 + (b - 10) * 0.05
    assert abs(np.clip(real / 0.07 - 5, -128, 127) - int(result[0])) <= 1.0
