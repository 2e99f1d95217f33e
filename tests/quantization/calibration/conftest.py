"""One float graph and its statistics for all tests of calibration."""

from __future__ import annotations

import numpy as np
import pytest

from fastscnn_edge.quantization.calibration.statistics import collect
from fastscnn_edge.quantization.graph.evaluator import run_all
from fastscnn_edge.quantization.graph.lower import lower
from fastscnn_edge.spec import INT8_NATIVE
from tests.helpers import random_image, random_model

SIZE = (64, 96)


@pytest.fixture(scope="module")
def graph():
    return lower(random_model("mmseg", 5), INT8_NATIVE, *SIZE)


@pytest.fixture(scope="module")
def images():
    return [random_image(*SIZE, seed) for seed in range(3)]


@pytest.fixture(scope="module")
def statistics(graph, images):
    return collect(graph, images)


@pytest.fixture(scope="module")
def everything(graph, images) -> dict[str, np.ndarray]:
    """Activation -> [images, h, w, C]."""
    runs = [dict(run_all(graph, image)) for image in images]
    return {name: np.concatenate([values[name] for values in runs]) for name in runs[0]}
