"""A small random network and its activation scales."""

from __future__ import annotations

from fastscnn_edge.quantization.calibration.ranges import observe_ranges
from fastscnn_edge.quantization.calibration.scheme import SCHEMES
from fastscnn_edge.quantization.graph.lower import lower
from fastscnn_edge.quantization.ptq.ptq import activation_parameters
from fastscnn_edge.spec import INT8_NATIVE
from tests.helpers import random_image, random_model

SIZE = (64, 96)


def quantized(dialect: str, scheme_name: str, normalization=INT8_NATIVE):
    scheme = SCHEMES[scheme_name]
    graph = lower(random_model(dialect, 5), normalization, *SIZE)
    parameters = activation_parameters(graph, observe_ranges(graph, [random_image(*SIZE, s) for s in range(3)]), scheme)
    return graph, parameters, scheme
