"""Share of the pixels per class."""

from __future__ import annotations

import numpy as np
import pytest

from fastscnn_edge.runtime.sinks.shares import class_shares

CLASSES = np.random.default_rng(0).integers(0, 11, (90, 120)).astype(np.uint8)


def test_shares_add_up() -> None:
    shares = class_shares(CLASSES, 19)
    assert shares.shape == (19,)
    assert shares.sum() == pytest.approx(1)
    assert (shares[11:] == 0).all()
