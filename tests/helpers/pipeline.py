"""A segmenter without a model."""

from __future__ import annotations

import time

import numpy as np

from fastscnn_edge.runtime.pipeline.segmenter import Segmenter
from fastscnn_edge.testing.fakes import FakeEngine
from tests.helpers.tiny import spec


def segmenter(delay: float = 0.0, calm: bool = False) -> Segmenter:
    logits = np.random.default_rng(0).integers(-99, 99, (8, 12, 11)).astype(np.int8)
    if calm:  # one class on the left, another on the right, instead of another in each cell
        logits = np.zeros_like(logits)
        logits[:, :6, 0] = logits[:, 6:, 1] = 90
    engine = FakeEngine(spec(), logits)
    if delay:
        plain = engine.invoke
        engine.invoke = lambda: (time.sleep(delay), plain())[1]  # type: ignore[method-assign]
    return Segmenter(engine=engine)
