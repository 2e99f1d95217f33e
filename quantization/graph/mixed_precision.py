"""Named convolutions of an int8 graph in float32 or with int16 activations, in case int8 loses too much.

Such a layer stands between :class:`~.graph.Convert` operations; everything else stays int8, the logits included, so
whatever runs the int8 file runs this one. Neighbors of one kind pass their activations on directly; only there is
anything finer than int8 between two layers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from difflib import get_close_matches
from fnmatch import filter as matching

import numpy as np

from ...errors import UsageError
from .graph import Conv, Convert, Graph, Op, Quantization, Tensor, quantization_of

_FLOAT, _INT16 = np.dtype(np.float32), np.dtype(np.int16)


def keep_float(graph: Graph, float_graph: Graph, patterns: Sequence[str]) -> Graph:
    """``graph`` with the layers that ``patterns`` name in float32.

    Args:
        graph: int8, some of its layers perhaps changed already.
        float_graph: the one its integers stand for; gives weights and biases.
        patterns: see :func:`select`.

    Raises:
        UsageError: see :func:`select`, or a layer has int16 activations already.
    """
    layers = select(graph, patterns)
    constants = {name: float_graph.tensors[name] for op in layers for name in (op.weight, op.bias)}
    return _stored(graph.replace_tensors(constants), layers, _as_float)


def int16_activations(graph: Graph, patterns: Sequence[str]) -> Graph:
    """``graph`` with int16 inputs and outputs at the layers that ``patterns`` name: TFLite's 16x8 scheme.

    Weights stay the same int8, biases become int64; the ranges are those of the int8 activations.

    Args:
        graph: int8, some of its layers perhaps changed already.
        patterns: see :func:`select`.

    Raises:
        UsageError: see :func:`select`, or a layer is float already.
    """
    layers = select(graph, patterns)
    biases = {op.bias: _wide_bias(graph, op) for op in layers if graph.tensors[op.output].dtype == np.int8}
    return _stored(graph.replace_tensors(biases), layers, _as_int16)


def select(graph: Graph, patterns: Sequence[str]) -> list[Conv]:
    """The convolutions that ``patterns`` name, in the order they run.

    Args:
        graph: of any kind.
        patterns: names as ``fastscnn-edge sensitivity`` prints them, or shell patterns (``pyramid/*``), which select
            convolutions only.

    Raises:
        UsageError: a pattern matches no convolution.
    """
    layers = {_name(graph, op): op for op in graph.ops if isinstance(op, Conv)}
    chosen: set[str] = set()
    for pattern in patterns:
        found = matching(layers, pattern)
        if not found:
            others = matching([op.output for op in graph.ops], pattern)
            raise UsageError(_no_convolution(pattern) if others else _no_layer(pattern, layers))
        chosen.update(found)
    return [op for name, op in layers.items() if name in chosen]


def refuse_both(graph: Graph, real: Sequence[Conv], wide: Sequence[Conv]) -> None:
    """Raise UsageError if a layer is to be float and int16."""
    for op in real:
        if op in wide:
            raise UsageError(f"'{op.output}' cannot be both float and int16")


def description(graph: Graph) -> str:
    """The layers of a quantized graph that are not int8, as ``float: fusion/higher; int16: stem``; empty if all are."""
    if not graph.is_quantized:
        return ""
    parts = []
    for word, dtype in (("float", _FLOAT), ("int16", _INT16)):
        names = [
            _name(graph, op) for op in graph.ops if isinstance(op, Conv) and graph.tensors[op.output].dtype == dtype
        ]
        parts += [f"{word}: {', '.join(names)}"] if names else []
    return "; ".join(parts)


def _stored(graph: Graph, layers: Sequence[Conv], twin: Callable[[Tensor], Tensor]) -> Graph:
    """``graph`` with ``layers`` reading and writing twins of their activations, each made once."""
    chosen, tensors, ops = set(layers), dict(graph.tensors), []
    twins: dict[str, str] = {}

    def add_twin(name: str) -> str:
        tensor = twin(graph.tensors[name])
        tensors[tensor.name], twins[name] = tensor, tensor.name
        return tensor.name

    for op in graph.ops:
        if op not in chosen:
            ops.append(op)
            continue
        assert isinstance(op, Conv)
        if graph.tensors[op.output].dtype != np.int8:
            raise UsageError(f"'{_name(graph, op)}' cannot be both float and int16")
        if op.input not in twins:
            ops.append(Convert(op.input, add_twin(op.input)))
        output = add_twin(op.output)
        ops += [replace(op, input=twins[op.input], output=output), Convert(output, op.output)]
    return _without_unread(replace(graph, ops=tuple(ops), tensors=tensors))


def _without_unread(graph: Graph) -> Graph:
    """Remove conversions that only a changed layer would have read, and their tensors."""
    read, kept = {graph.output}, list[Op]()
    for op in reversed(graph.ops):
        if op.output in read or not isinstance(op, Convert):
            kept.append(op)
            read.update(op.inputs)
    return replace(graph, ops=tuple(reversed(kept)), tensors={n: t for n, t in graph.tensors.items() if n in read})


def _as_float(tensor: Tensor) -> Tensor:
    return Tensor(f"{tensor.name}/{_FLOAT}", tensor.shape)


def _as_int16(tensor: Tensor) -> Tensor:
    return Tensor(f"{tensor.name}/{_INT16}", tensor.shape, _INT16, quantization=_wide(quantization_of(tensor)))


def _wide(quantization: Quantization) -> Quantization:
    """Parameters for int16, zero point 0 as the 16x8 scheme demands, over the largest magnitude of the int8 form."""
    steps = max(quantization.zero_point + 128, 127 - quantization.zero_point)
    return Quantization((quantization.scale.astype(np.float64) * steps / 32767).astype(np.float32), 0)


def _wide_bias(graph: Graph, op: Conv) -> Tensor:
    """The same bias in units of the int16 accumulator, int64."""
    source, weight = (quantization_of(graph.tensors[name]) for name in (op.input, op.weight))
    bias, wide = graph.tensors[op.bias], _wide(source)
    assert bias.data is not None
    data = np.round(bias.data * (float(source.scale[0]) / float(wide.scale[0]))).astype(np.int64)
    scale = wide.scale[0].astype(np.float64) * weight.scale.astype(np.float64)
    return Tensor(bias.name, bias.shape, data.dtype, data, Quantization(scale.astype(np.float32), 0, 0))


def _name(graph: Graph, op: Op) -> str:
    """Name of an operation in the int8 graph, whatever it has become in this one."""
    return op.output.removesuffix(f"/{graph.tensors[op.output].dtype}")


def _no_convolution(pattern: str) -> str:
    return (
        f"'{pattern}' is no convolution; only operations of kind conv and depthwise in the list of "
        "'fastscnn-edge sensitivity' can be float or int16"
    )


def _no_layer(pattern: str, names: Collection[str]) -> str:
    near = get_close_matches(pattern, names, n=5, cutoff=0.5)
    hint = f"near it: {', '.join(near)}" if near else f"they begin with {', '.join(_beginnings(names))}"
    return f"no layer '{pattern}'; {hint} ('fastscnn-edge sensitivity' lists all)"


def _beginnings(names: Collection[str]) -> list[str]:
    return list(dict.fromkeys(name.split("/")[0] for name in names))
