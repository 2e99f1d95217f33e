"""Float graphs with smaller constants: fp16, or int8 weights with float activations."""

from __future__ import annotations

import numpy as np

from ..errors import UsageError
from ..quantization.graph.graph import Conv, Graph, Tensor
from ..quantization.ptq.ptq import round_weight


def halve(graph: Graph) -> Graph:
    """``graph`` with convolution weights and biases in fp16; the engine widens them once, on loading.

    Raises:
        UsageError: one is beyond fp16.
    """
    names = [name for op in graph.ops if isinstance(op, Conv) for name in (op.weight, op.bias)]
    return graph.replace_tensors({name: _half(graph.tensors[name]) for name in names})


def quantize_weights(graph: Graph) -> Graph:
    """``graph`` with convolution weights in int8, one scale per output channel; activations stay float32."""
    tensors = {
        op.weight: round_weight(graph.tensors[op.weight], axis=3 if op.depthwise else 0)
        for op in graph.ops
        if isinstance(op, Conv)
    }
    return graph.replace_tensors(tensors)


def _half(tensor: Tensor) -> Tensor:
    assert tensor.data is not None
    peak, limit = float(np.abs(tensor.data).max()), float(np.finfo(np.float16).max)
    if peak > limit:
        raise UsageError(f"{tensor.name} reaches {peak:g}, beyond fp16's {limit:g}; export fp32 or int8 instead")
    data = tensor.data.astype(np.float16)
    return Tensor(tensor.name, tensor.shape, data.dtype, data)
