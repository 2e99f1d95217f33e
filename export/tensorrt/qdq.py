"""Q/DQ pairs and the operators around them."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from .index import MOVES, Node, array, constant, input_type, is_constant, is_output, producer, readers

QUANTIZE, DEQUANTIZE = "QuantizeLinear", "DequantizeLinear"
WEIGHTED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})

# A max pool commutes with Q and DQ: TensorRT moves them across it (documentation, "Explicit Quantization",
# section "Q/DQ Propagation").
_TRANSPARENT = MOVES | {"MaxPool"}

# Passes int8 through.
_PASSES = _TRANSPARENT | {"Concat", "Gather", "Pad", "DepthToSpace", "SpaceToDepth"}


def dequantizer(node: Node, index: int) -> Node | None:
    """The DequantizeLinear that input ``index`` comes from, None if it does not."""
    found = producer(node, index)
    while found is not None and found.op in _TRANSPARENT:
        found = producer(found, 0)
    return found if found is not None and found.op == DEQUANTIZE else None


def is_dequantized(node: Node, index: int) -> bool:
    """Whether input ``index`` comes from a DequantizeLinear, or from a Concat whose inputs all do."""
    if dequantizer(node, index) is not None:
        return True
    found = producer(node, index)
    while found is not None and found.op in _TRANSPARENT:
        found = producer(found, 0)
    return (
        found is not None
        and found.op == "Concat"
        and all(is_dequantized(found, i) for i in range(len(found.proto.input)))
    )


def quantizers_after(node: Node) -> list[Node]:
    """The QuantizeLinear nodes that read the output if nothing else does, else []."""
    if is_output(node):
        return []
    found = []
    for reader in readers(node):
        if reader.op == QUANTIZE:
            found.append(reader)
        elif reader.op in MOVES and (after := quantizers_after(reader)):
            found += after
        else:
            return []
    return found


def is_quantized(node: Node) -> bool:
    """Whether a weighted operator computes in int8: data and weights both dequantized."""
    return is_dequantized(node, 0) and is_dequantized(node, 1)


def scale(node: Node) -> np.ndarray | None:
    """Scale of a Q or DQ, flat; None if it is computed, or lies in a file that is missing."""
    values = array(constant(node, 1))
    return None if values is None else values.astype(np.float32).ravel()


def same_scales(nodes: list[Node]) -> bool:
    """Whether all scales that are known are exactly equal."""
    known = [values for node in nodes if (values := scale(node)) is not None]
    return all(np.array_equal(known[0], values) for values in known[1:])


def quantized_type(node: Node) -> int:
    """Element type on the integer side of a Q or DQ, 0 if the file does not say.

    By ONNX's definition a QuantizeLinear without zero point and ``output_dtype`` makes uint8.
    """
    zero_point = constant(node, 2)
    if zero_point is not None:
        return zero_point.data_type
    if node.op == QUANTIZE:
        return node.attribute("output_dtype", 0) or (0 if node.input(2) else TensorProto.UINT8)
    made_by = producer(node, 0)
    while made_by is not None and made_by.op in _TRANSPARENT:
        made_by = producer(made_by, 0)
    if made_by is not None and made_by.op == QUANTIZE:
        return quantized_type(made_by)
    return input_type(node, 0)


def weighted_chain(node: Node, index: int) -> list[Node]:
    """Nodes from input ``index`` back to a weighted operator, across batch norm and bias only; [] if there is none."""
    found = producer(node, index)
    if found is None:
        return []
    if found.op in WEIGHTED:
        return [found]
    if found.op == "BatchNormalization":
        after = weighted_chain(found, 0)
    elif found.op == "Add" and is_constant(found, 0) != is_constant(found, 1):
        after = weighted_chain(found, 1 if is_constant(found, 0) else 0)
    else:
        return []
    return [found, *after] if after else []


def has_one_reader(node: Node) -> bool:
    return len(readers(node)) == 1 and not is_output(node)


def fusable(chain: list[Node]) -> bool:
    """Whether a :func:`weighted_chain` computes in int8 and has only one consumer."""
    return bool(chain) and is_quantized(chain[-1]) and all(has_one_reader(part) for part in chain)


def own_pair(node: Node, index: int) -> tuple[Node, Node] | None:
    """(DQ, Q) before input ``index`` if only this node reads them."""
    dequantize = producer(node, index)
    quantize = producer(dequantize, 0) if dequantize is not None and dequantize.op == DEQUANTIZE else None
    if dequantize is None or quantize is None or quantize.op != QUANTIZE:
        return None
    return (dequantize, quantize) if has_one_reader(dequantize) and has_one_reader(quantize) else None


def weight_pair(node: Node) -> list[Node]:
    """DQ of the weights, and the Q before it if the weights are stored in float."""
    dequantize = dequantizer(node, 1)
    quantize = producer(dequantize, 0) if dequantize is not None else None
    return [part for part in (dequantize, quantize) if part is not None and part.op in (QUANTIZE, DEQUANTIZE)]


def stored_shape(part: Node) -> tuple[int, ...] | None:
    """Shape of the constant that a Q or DQ of weights goes back to."""
    stored = constant(part, 0)
    before = producer(part, 0)
    if stored is None and before is not None and before.op == QUANTIZE:
        return stored_shape(before)
    return None if stored is None else tuple(stored.dims)


def ends(node: Node) -> list[Node]:
    """Consumers of an integer tensor, past operators that only pass it through."""
    found = []
    for reader in readers(node):
        found += ends(reader) if reader.op in _PASSES else [reader]
    return found


def integer_source(node: Node) -> Node | None:
    """Producer of the integers of a DQ, past operators that only pass them through; None: file or input."""
    found = producer(node, 0)
    while found is not None and found.op in _PASSES:
        found = producer(found, 0)
    return found
