"""Post-training quantization of a float graph with given activation ranges or scales."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..calibration.ranges import Range
from ..calibration.scheme import AFFINE, Scheme
from ..graph.arithmetic import quantize
from ..graph.graph import Conv, Graph, Pool, Quantization, Tensor, scale_groups
from .limits import weight_scale, within_limits

INPUT = Quantization(np.array([1.0], np.float32), 0)
"""Parameters of the int8 input, which is ``pixel - 128`` itself."""

_INT32_MAX = 2**31 - 1


def quantize_graph(graph: Graph, ranges: dict[str, Range], scheme: Scheme = AFFINE) -> Graph:
    """The int8 form of ``graph``.

    Args:
        ranges: that of every activation but the input. Activations joined by a resize, a concat or a
            slice share the union of their ranges.
    """
    return with_parameters(graph, activation_parameters(graph, ranges, scheme))


def with_parameters(graph: Graph, parameters: Mapping[str, Quantization]) -> Graph:
    """The int8 form of ``graph`` with the given scale and zero point of every activation, raised where engines need it
    (:mod:`.limits`)."""
    parameters = within_limits(graph, parameters)
    tensors = {
        name: Tensor(name, t.shape, np.dtype(np.int8), quantization=parameters[name])
        for name, t in graph.tensors.items()
        if t.data is None
    }
    for op in graph.ops:
        if isinstance(op, Conv):
            source = parameters[op.input]
            axis = 3 if op.depthwise else 0
            weight = round_weight(graph.tensors[op.weight], axis, graph.tensors[op.bias].data, float(source.scale[0]))
            tensors[op.weight] = weight
            tensors[op.bias] = _bias(graph.tensors[op.bias], source, weight)
        elif isinstance(op, Pool):
            tensors[op.weight] = round_weight(graph.tensors[op.weight], axis=0)
        else:
            # Constants that are concatenated to activations (the border) take their parameters.
            for name in op.inputs:
                constant = graph.tensors[name]
                if constant.data is not None:
                    shared = parameters[op.output]
                    data = quantize(constant.data, shared.scale, shared.zero_point)
                    tensors[name] = Tensor(name, constant.shape, data.dtype, data, shared)
    return graph.replace_tensors(tensors)


def activation_parameters(graph: Graph, ranges: dict[str, Range], scheme: Scheme) -> dict[str, Quantization]:
    """Scale and zero point of every activation, the same for all of a scale group."""
    parameters: dict[str, Quantization] = {}
    dead: list[str] = []
    for group in scale_groups(graph):
        if graph.input in group:
            shared = INPUT
        else:
            merged = Range(0.0, 0.0)
            for name in group:
                merged = merged.union(ranges[name])
            shared = scheme.activation(merged.low, merged.high)
            if merged.low == merged.high:
                dead.extend(group)
        parameters.update(dict.fromkeys(group, shared))
    # An activation that was always 0 says nothing about its scale: it gets a usual one.
    usual = float(np.median([q.scale[0] for name, q in parameters.items() if name not in dead]))
    for name in dead:
        parameters[name] = replace(parameters[name], scale=np.array([usual], np.float32))
    return parameters


def round_weight(tensor: Tensor, axis: int, bias: np.ndarray | None = None, source: float = 1.0) -> Tensor:
    """The int8 form of a float weight, one scale per channel of ``axis`` (:func:`.limits.weight_scale`)."""
    assert tensor.data is not None
    quantization = Quantization(weight_scale(tensor.data, bias, source, axis), 0, axis)
    data = quantize(tensor.data, quantization.along(tensor.data.ndim))
    return Tensor(tensor.name, tensor.shape, data.dtype, data, quantization)


def _bias(tensor: Tensor, source: Quantization, weight: Tensor) -> Tensor:
    assert tensor.data is not None and weight.quantization is not None
    scale = source.scale[0].astype(np.float64) * weight.quantization.scale.astype(np.float64)
    data = np.clip(np.round(tensor.data / scale), -_INT32_MAX, _INT32_MAX).astype(np.int32)
    # Its scale is implied by input and weight, but TFLite wants it in the file.
    return Tensor(tensor.name, tensor.shape, data.dtype, data, Quantization(scale.astype(np.float32), 0, 0))
