"""PNG files written in bands, read back by Pillow."""

from __future__ import annotations

import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fastscnn_edge.runtime.sinks.png import BAND, write_indexed, write_rgb


@given(st.integers(1, 3 * BAND), st.integers(1, 40), st.integers(1, BAND), st.integers(0, 99))
def test_rgb_of_any_size_and_bands_reads_back(height: int, width: int, rows: int, seed: int) -> None:
    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    stream = io.BytesIO()
    write_rgb(stream, (height, width), (rgb[top : top + rows] for top in range(0, height, rows)))
    with Image.open(stream) as image:
        assert (image.mode, image.format) == ("RGB", "PNG")
        np.testing.assert_array_equal(np.asarray(image), rgb)


@given(st.integers(1, 3 * BAND), st.integers(1, 40), st.integers(1, 255), st.integers(0, 99))
def test_indices_and_palette_read_back(height: int, width: int, colors: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    indices = random.integers(0, colors, (height, width), dtype=np.uint8)
    palette = random.integers(0, 256, (colors, 3), dtype=np.uint8)
    stream = io.BytesIO()
    write_indexed(stream, indices, palette)
    with Image.open(stream) as image:
        assert image.mode == "P"
        np.testing.assert_array_equal(np.asarray(image), indices)
        np.testing.assert_array_equal(np.asarray(image.convert("RGB")), palette[indices])
