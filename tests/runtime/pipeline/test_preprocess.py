"""pixel - 128, in place, and the one resize filter."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from fastscnn_edge.runtime.pipeline.preprocess import preprocess
from tests.helpers import random_image
from tests.helpers.tiny import spec

ALL_VALUES = np.arange(64 * 96 * 3, dtype=np.int64).reshape(64, 96, 3).astype(np.uint8)


@pytest.mark.parametrize("dtype", [np.int8, np.float32])
def test_every_pixel_value_becomes_itself_minus_128(dtype: type) -> None:
    buffer = np.full((1, 64, 96, 3), 99, dtype)
    preprocess(ALL_VALUES, spec(), buffer)
    np.testing.assert_array_equal(buffer[0], ALL_VALUES.astype(np.int64) - 128)


def test_other_sizes_go_through_pillows_bilinear_filter() -> None:
    rgb, buffer = random_image(90, 120), np.empty((1, 64, 96, 3), np.int8)
    preprocess(rgb, spec(), buffer)
    expected = np.asarray(Image.fromarray(rgb).resize((96, 64), Image.Resampling.BILINEAR)).astype(np.int64) - 128
    np.testing.assert_array_equal(buffer[0], expected)


def test_strided_frames_are_accepted() -> None:
    buffer, mirrored = np.empty((1, 64, 96, 3), np.int8), np.empty((1, 64, 96, 3), np.int8)
    preprocess(ALL_VALUES, spec(), buffer)
    preprocess(ALL_VALUES[:, ::-1], spec(), mirrored)
    np.testing.assert_array_equal(mirrored, buffer[:, :, ::-1])


@pytest.mark.parametrize(
    ("rgb", "buffer", "words"),
    [
        (np.zeros((4, 4), np.uint8), np.empty((1, 64, 96, 3), np.int8), "shape"),
        (np.zeros((4, 4, 4), np.uint8), np.empty((1, 64, 96, 3), np.int8), "shape"),
        (np.zeros((0, 4, 3), np.uint8), np.empty((1, 64, 96, 3), np.int8), "shape"),
        (np.zeros((4, 4, 3), np.float32), np.empty((1, 64, 96, 3), np.int8), "float32"),
        (np.zeros((4, 4, 3), np.uint8), np.empty((1, 64, 64, 3), np.int8), "buffer"),
        (np.zeros((4, 4, 3), np.uint8), np.empty((1, 64, 96, 3), np.float64), "uint8 or float32"),
    ],
)
def test_wrong_arrays_are_named(rgb: np.ndarray, buffer: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        preprocess(rgb, spec(), buffer)
