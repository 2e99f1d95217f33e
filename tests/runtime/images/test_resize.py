"""Resizing in bands gives what Pillow gives, rows first, whatever its version."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fastscnn_edge.runtime.images import resize, resize_image, to_array
from fastscnn_edge.runtime.images.pixels import rgb_array, to_rgb

SIDES = st.integers(1, 300)


@settings(max_examples=60, deadline=None)
@given(SIDES, SIDES, SIDES, SIDES, st.integers(0, 9))
def test_in_bands_is_as_whole(height: int, width: int, to_height: int, to_width: int, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    rows = Image.fromarray(image).resize((to_width, height), Image.Resampling.BILINEAR)
    whole = np.asarray(rows.resize((to_width, to_height), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(resize_image(image, to_height, to_width), whole)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resize, "LARGE", 0)
        np.testing.assert_array_equal(resize_image(image, to_height, to_width), whole)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "RGBA", "CMYK", "YCbCr", "HSV", "I;16", "I", "F"])
def test_every_mode_converts_in_bands_as_whole(mode: str) -> None:
    random = np.random.default_rng(0)
    values = random.integers(0, 256, (150, 40), dtype=np.uint8)
    if mode in ("I;16", "I", "F"):
        kind = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
        image = Image.fromarray((values.astype(np.float64) * 257).astype(kind))
    elif mode == "P":
        image = Image.fromarray(random.integers(0, 256, (150, 40, 3), dtype=np.uint8)).quantize(200)
    else:
        image = Image.fromarray(random.integers(0, 256, (150, 40, 3), dtype=np.uint8)).convert(mode)
    assert image.mode == mode
    np.testing.assert_array_equal(rgb_array(image, (0, 65535)), to_array(to_rgb(image, (0, 65535))))
