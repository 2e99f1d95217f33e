"""The integer arithmetic against exact rationals and against plain definitions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastscnn_edge.quantization import arithmetic

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


def test_quantize_rounds_half_away_from_zero() -> None:
    assert arithmetic.quantize(np.array([0.5, -0.5, 1.5, -1.5, 0.49]), 1.0).tolist() == [1, -1, 2, -2, 0]


def test_saturate_clamps_relu_at_the_zero_point() -> None:
    values = np.array([-500, -1, 0, 1, 500])
    assert arithmetic.saturate(values, -20, relu=True).tolist() == [-20, -20, -20, -19, 127]
    assert arithmetic.saturate(values, -20, relu=False).tolist() == [-128, -21, -20, -19, 127]


@given(st.integers(1, 40), st.integers(1, 90), st.booleans())
def test_resize_taps_stay_inside_and_weights_are_a_convex_combination(small: int, large: int, corners: bool) -> None:
    lower, upper, offset = arithmetic.resize_positions(small, large, corners)
    assert (lower >= 0).all() and (upper < small).all() and (lower <= upper).all()
    inner = lower != upper
    assert (offset[inner] >= 0).all() and (offset[inner] <= 1024).all()


@pytest.mark.parametrize("corners", [False, True])
def test_resize_keeps_a_constant(corners: bool) -> None:
    picture = np.full((1, 3, 5, 2), -77, np.int8)
    assert (arithmetic.resize(picture, 11, 20, corners) == -77).all()


@given(st.integers(-128, 127), st.integers(-128, 127))
def test_add_is_within_one_step_of_the_real_sum(a: int, b: int) -> None:
    scales, zero_points = (0.03, 0.05, 0.07), (-3, 10, -5)
    result = arithmetic.add(np.array([a], np.int8), np.array([b], np.int8), scales, zero_points, relu=False)
    real = (a + 3) * 0.03 + (b - 10) * 0.05
    assert abs(np.clip(real / 0.07 - 5, -128, 127) - int(result[0])) <= 1.0
