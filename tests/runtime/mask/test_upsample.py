"""Upsampling is that of torch, and agrees with the class map."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastscnn_edge.runtime.mask.plan import class_map
from fastscnn_edge.runtime.mask.upsample import upsample

POINTS, SIDES = st.integers(1, 9), st.integers(1, 40)


@given(POINTS, POINTS, SIDES, SIDES, st.booleans(), st.integers(0, 99))
def test_as_torch_interpolates(h: int, w: int, height: int, width: int, align_corners: bool, seed: int) -> None:
    torch = pytest.importorskip("torch", reason="torch is the judge")
    logits = np.random.default_rng(seed).normal(size=(h, w, 3)).astype(np.float32)
    wanted = torch.nn.functional.interpolate(
        torch.tensor(logits).permute(2, 0, 1)[None], (height, width), mode="bilinear", align_corners=align_corners
    )[0].permute(1, 2, 0)
    np.testing.assert_allclose(upsample(logits, (height, width), align_corners), wanted.numpy(), atol=1e-4)


def test_its_largest_is_the_class_map() -> None:
    logits = np.random.default_rng(0).normal(size=(6, 8, 5)).astype(np.float32)
    np.testing.assert_array_equal(upsample(logits, (48, 64), False).argmax(2), class_map(logits, (48, 64), False))
