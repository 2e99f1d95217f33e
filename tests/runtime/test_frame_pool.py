"""Memory that is used again, but never while someone looks at it."""

from __future__ import annotations

import gc
import tracemalloc

import numpy as np
from PIL import Image

from fastscnn_edge.runtime.frame_pool import FramePool, copy_pixels
from tests.helpers import random_image


def test_memory_comes_back_with_its_last_user() -> None:
    pool = FramePool()
    for _ in range(10):
        pool.take((4, 5, 3))[...] = 1
    assert pool.allocated == 1


def test_views_and_slices_keep_it() -> None:
    pool = FramePool()
    frame = pool.take((4, 5, 3))
    frame[...] = 7
    keepers = [frame[1:, ::2], frame[..., 0].T, frame.reshape(-1)[3:].view(np.int8), Image.fromarray(frame[..., 0])]
    del frame
    while keepers:
        pool.take((4, 5, 3))[...] = 9
        assert np.asarray(keepers.pop()).max() == 7
        gc.collect()
    assert pool.allocated == 2
    pool.take((4, 5, 3))
    assert pool.allocated == 2


def test_another_size_starts_anew() -> None:
    pool = FramePool()
    old = pool.take((4, 5))
    new = pool.take((2, 3))
    del old  # comes back too late: nobody wants its size any more
    assert pool.take((2, 3)).shape == new.shape == (2, 3)
    assert pool.allocated == 3
    assert pool.take((4, 5)).flags.c_contiguous
    assert pool.allocated == 4


def test_idle_memory_is_bounded() -> None:
    pool = FramePool(capacity=2)
    lent = [pool.take((8,)) for _ in range(5)]
    lent.clear()
    lent = [pool.take((8,)) for _ in range(3)]
    assert pool.allocated == 6


def test_memory_made_ready_is_enough_from_the_first_frame_on() -> None:
    pool = FramePool(preallocate=3)
    assert pool.allocated == 0  # nobody knows the size yet
    lent = [pool.take((4, 5)) for _ in range(3)]
    assert pool.allocated == 3
    lent.append(pool.take((4, 5)))
    assert pool.allocated == 4


def test_copying_out_of_pillow_is_exact_and_small() -> None:
    picture = random_image(333, 470)
    image, out = Image.fromarray(picture), np.zeros((333, 470, 3), np.uint8)
    copy_pixels(image, out)
    np.testing.assert_array_equal(out, picture)
    tracemalloc.start()
    try:
        copy_pixels(image, out)
        assert tracemalloc.get_traced_memory()[1] < out.nbytes / 2
    finally:
        tracemalloc.stop()
