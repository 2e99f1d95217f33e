"""Nothing of a blurred class is left, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastscnn_edge.runtime.sinks.blur import _CELLS, _MARGIN, Blur, cell_of
from tests.helpers import random_image, segmented

SIZES = st.tuples(st.integers(1, 300), st.integers(1, 300))


def a_map(size: tuple[int, int], seed: int) -> np.ndarray:
    """A class map of rectangles of the classes 0..4."""
    random = np.random.default_rng(seed)
    result = np.zeros(size, np.uint8)
    for _ in range(random.integers(0, 5)):
        top, left = (int(random.integers(side)) for side in size)
        result[top : top + random.integers(1, 60), left : left + random.integers(1, 60)] = random.integers(5)
    return result


def near(class_map: np.ndarray, classes: frozenset[int], reach: int) -> np.ndarray:
    """Pixels at most ``reach`` rows and columns from one of the classes, the plain way."""
    result = np.zeros(class_map.shape, bool)
    for y, x in np.argwhere(np.isin(class_map, list(classes))):
        result[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1] = True
    return result


def exchanged(rgb: np.ndarray, where: np.ndarray, block: int, seed: int) -> np.ndarray:
    """``rgb`` with the pixels ``where`` shuffled within their blocks."""
    random, result = np.random.default_rng(seed), rgb.copy()
    for top in range(0, rgb.shape[0], block):
        for left in range(0, rgb.shape[1], block):
            part = np.s_[top : top + block, left : left + block]
            places = np.argwhere(where[part]) + np.array([top, left])
            shuffled = random.permutation(places)
            result[places[:, 0], places[:, 1]] = rgb[shuffled[:, 0], shuffled[:, 1]]
    return result


@given(SIZES, st.integers(0, 10_000), st.frozensets(st.integers(0, 4), min_size=1, max_size=3))
def test_pictures_that_differ_only_in_a_blurred_class_look_the_same(size, seed, classes) -> None:
    """Whoever has the blurred picture cannot tell which of them it was: nothing can be undone."""
    rgb = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    class_map, cell = a_map(size, seed), cell_of(size)
    hidden = near(class_map, classes, _MARGIN * cell)
    other = exchanged(rgb, hidden, _CELLS * cell, seed)
    shown = [Blur(classes)(segmented(one, class_map)).frame.rgb for one in (rgb, other)]
    np.testing.assert_array_equal(shown[0], shown[1])
    if hidden.sum() > 2000:
        assert (rgb != other).any()


@given(SIZES, st.integers(0, 10_000))
def test_beyond_the_margin_nothing_changes(size, seed) -> None:
    rgb, class_map = random_image(*size, seed), a_map(size, seed)
    shown = Blur(frozenset({1, 2}))(segmented(rgb, class_map)).frame.rgb
    far = ~near(class_map, frozenset({1, 2}), (_MARGIN + 1) * cell_of(size))
    np.testing.assert_array_equal(shown[far], rgb[far])


@pytest.mark.parametrize("size", [(360, 480), (64, 20_000), (3000, 200)])
def test_noise_becomes_smooth(size: tuple[int, int]) -> None:
    """A picture that is nothing but detail of a blurred class has no detail left."""
    rgb = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    shown = Blur(frozenset({7}))(segmented(rgb, np.full(size, 7, np.uint8))).frame.rgb.astype(int)
    assert np.abs(np.diff(shown, axis=0)).max() <= 8 and np.abs(np.diff(shown, axis=1)).max() <= 8


def test_the_frame_itself_and_the_class_map_stay() -> None:
    rgb, class_map = random_image(90, 120), np.full((90, 120), 3, np.uint8)
    before = rgb.copy()
    given = segmented(rgb, class_map, "a", latency=0.25, at=2.0)
    shown = Blur(frozenset({3}))(given)
    np.testing.assert_array_equal(rgb, before)
    assert not np.shares_memory(shown.frame.rgb, rgb)
    assert shown.class_map is class_map
    assert (shown.frame.name, shown.frame.at, shown.latency) == ("a", 2.0, given.latency)


def test_a_frame_without_the_class_costs_no_copy() -> None:
    given = segmented(random_image(90, 120), np.zeros((90, 120), np.uint8))
    assert Blur(frozenset({3}))(given) is given


def test_copies_of_a_camera_are_allocated_at_the_first_frame() -> None:
    blur = Blur(frozenset({3}), live=True)
    shown = None
    for _ in range(20):  # the page keeps one while the next is made
        shown = blur(segmented(random_image(90, 120), np.full((90, 120), 3, np.uint8)))
    assert shown is not None
    assert blur._pool.allocated == 2
