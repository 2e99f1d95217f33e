from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fastscnn_edge.evaluation.labels import IGNORE
from fastscnn_edge.reference.augment import Augmentation, random_view

STILL = {"scale": (1.0, 1.0), "aspect": 1.0, "degrees": 0.0, "jitter": 0.0, "tint": 0.0}


def _coded_picture(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Blocks of 16x16 whose gray value is 20 times their label, labels 0..9."""
    rows, columns = np.arange(height)[:, None] // 16, np.arange(width)[None] // 16
    labels = ((rows * 3 + columns * 7) % 10).astype(np.uint8)
    return np.repeat(labels[..., None] * 20 + 10, 3, axis=2).astype(np.uint8), labels


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.tuples(st.integers(40, 130), st.integers(40, 130)),
    crop=st.tuples(st.integers(32, 160), st.integers(32, 160)),
    degrees=st.floats(0, 30),
    aspect=st.floats(1, 1.5),
)
def test_picture_and_labels_move_together(
    seed: int, size: tuple[int, int], crop: tuple[int, int], degrees: float, aspect: float
) -> None:
    image, labels = _coded_picture(*size)
    config = Augmentation(crop, (0.5, 2.0), aspect, degrees, jitter=0, tint=0)
    view, target = random_view(image, labels, config, np.random.default_rng(seed))
    assert view.shape == (*crop, 3)
    assert target.shape == crop
    assert view.dtype == target.dtype == np.uint8
    outside = target == IGNORE
    decoded = (view[..., 0].astype(int) - 10) / 20
    # Bilinear images mix neighbors at block edges, nearest labels do not: look where the view is flat.
    flat = ~outside & _flat(view[..., 0])
    assert np.array_equal(decoded[flat], target[flat])
    assert (view[outside & _flat(outside)] == 128).all()


def _flat(values: np.ndarray) -> np.ndarray:
    """Pixels whose eight neighbors are equal to them; never those at the border."""
    result = np.zeros(values.shape, bool)
    inner = values[1:-1, 1:-1]
    height, width = values.shape
    same = [
        values[1 + dy : height - 1 + dy, 1 + dx : width - 1 + dx] == inner for dy in (-1, 0, 1) for dx in (-1, 0, 1)
    ]
    result[1:-1, 1:-1] = np.logical_and.reduce(same)
    return result


def test_outside_is_void_and_the_whole_picture_is_in_view() -> None:
    image, labels = _coded_picture(48, 64)
    for seed in range(10):
        view, target = random_view(image, labels, Augmentation((100, 120), **STILL), np.random.default_rng(seed))
        inside = target != IGNORE
        # The window slides by fractions of a pixel, so the border row may fall either way.
        assert abs(int(inside.sum()) - 48 * 64) <= 48 + 64
        rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        assert inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        assert (view[target == IGNORE] == 128).mean() > 0.95


def test_still_view_is_the_picture_or_its_mirror_image() -> None:
    rng = np.random.default_rng(0)
    image, labels = rng.integers(0, 256, (40, 56, 3), np.uint8), rng.integers(0, 9, (40, 56), np.uint8)
    mirrored = set()
    for seed in range(12):
        view, target = random_view(image, labels, Augmentation((40, 56), **STILL), np.random.default_rng(seed))
        step = 1 if np.array_equal(view, image) else -1
        assert np.array_equal(view, image[:, ::step])
        assert np.array_equal(target, labels[:, ::step])
        mirrored.add(step)
    assert mirrored == {1, -1}


def test_same_seed_same_view_other_seed_another() -> None:
    image, labels = _coded_picture(64, 64)
    config = Augmentation((64, 64))
    first, again, other = (random_view(image, labels, config, np.random.default_rng(s)) for s in (1, 1, 2))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


def test_colors_change_and_labels_do_not() -> None:
    image, labels = _coded_picture(64, 64)
    plain = random_view(image, labels, Augmentation((64, 64), **STILL), np.random.default_rng(4))
    colorful = Augmentation((64, 64), **{**STILL, "jitter": 0.3, "tint": 0.1})
    bright = random_view(image, labels, colorful, np.random.default_rng(4))
    assert np.array_equal(plain[1], bright[1])
    assert not np.array_equal(plain[0], bright[0])
