"""What clipping costs: squared error and divergence of a histogram against those of its values."""

from __future__ import annotations

import numpy as np
import pytest

from fastscnn_edge.quantization.calibration.clipping import divergence, squared_error
from fastscnn_edge.quantization.calibration.scheme import SCHEMES
from fastscnn_edge.quantization.graph.arithmetic import dequantize, quantize
from fastscnn_edge.quantization.graph.graph import Quantization

from .calibration import statistics_of


def test_squared_error_of_a_histogram_is_the_error_of_its_values() -> None:
    values = np.random.default_rng(0).normal(0, 1, 200_000).astype(np.float32)
    histogram = statistics_of(values).histogram
    for scheme in SCHEMES.values():
        q = scheme.activation(-2.0, 2.5)
        back = dequantize(quantize(values, q.scale[0], q.zero_point), q.scale[0], q.zero_point)
        assert squared_error(histogram, q) == pytest.approx(((back - values) ** 2).sum(), rel=0.05)


def test_divergence_is_least_where_nothing_is_lost() -> None:
    """Values on 51 levels: quantized with just those levels, their distribution is kept."""
    values = np.random.default_rng(0).integers(-25, 26, 50_000).astype(np.float32)
    histogram = statistics_of(values).histogram
    kept = divergence(histogram, Quantization(np.array([1.0], np.float32)))
    assert kept == pytest.approx(0, abs=1e-9)
    assert divergence(histogram, Quantization(np.array([0.1], np.float32))) > 0.1
