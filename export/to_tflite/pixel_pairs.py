"""The first convolution on pairs of pixels: [H, W, 3] is [H, W/2, 6] in the same memory.

Its 3x3 taps with stride 2 become 3x2 taps with stride (2, 1), one column of their weights zero: the same sums, bit for
bit. Kernels for int8 work on four or eight channels at a time, which three leave half idle, and XNNPACK keeps a table
with one pointer for each tap of each output position, 38 MB of 64-bit pointers at 1024x2048: six taps instead of nine
take a third off it. Times are in docs/performance.md, processor by processor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...quantization.graph.graph import Concat, Conv, Graph, Padding

PAIR = 2


@dataclass(frozen=True)
class PairedStem:
    """Replacement of the operations of a graph up to its first convolution.

    Attributes:
        conv: the convolution.
        source: int8 [1, H, W, C] that is read as [1, H, W/2, 2 C].
        column: constant int8 [1, H, 1, 2 C] to the left of it; None if there is none, or zeros.
        weight: int8 [O, 3, 2, 2 C].
        padding: zero rows, and zero columns of pairs.
        before: operations that make ``source``, to be written first.
        replaced: number of operations of the graph that this replaces.
    """

    conv: Conv
    source: str
    column: np.ndarray | None
    weight: np.ndarray
    padding: Padding
    before: int
    replaced: int


def paired_stem(graph: Graph) -> PairedStem | None:
    """The first convolution of ``graph`` in pairs, or None if it is not int8 or the width is odd."""
    tensors = graph.tensors
    at = next((i for i, op in enumerate(graph.ops) if not isinstance(op, Concat)), len(graph.ops))
    conv = graph.ops[at] if at < len(graph.ops) else None
    if not isinstance(conv, Conv) or conv.stride != PAIR or conv.depthwise:
        return None
    weight = tensors[conv.weight].data
    kinds = {tensors[name].dtype for name in (conv.input, conv.weight, conv.output)}
    if weight is None or kinds != {np.dtype(np.int8)} or weight.shape[1:] != (3, 3, 3):
        return None
    top, bottom, left, right = conv.padding
    source, column, before = conv.input, None, at
    last = graph.ops[at - 1] if at else None
    if isinstance(last, Concat) and last.output == source and last.axis == 2:
        # A column of the mean pixel if that is not zero; one for each row of ``source``.
        border, source = last.inputs[0], last.inputs[-1]
        column, before, left = tensors[border].data, at - 1, 1
        if len(last.inputs) != 2 or column is None or column.shape[2] != 1:
            return None
        column = np.concatenate([column] * PAIR, axis=3)  # the outer pixel meets zeros
    if tensors[source].shape[2] % PAIR or left > 1 or right:
        return None
    taps = np.zeros((len(weight), 3, 2 * PAIR, 3), np.int8)
    taps[:, :, left : left + 3] = weight
    padding = (top, bottom, 0 if column is not None else left, 0)
    return PairedStem(conv, source, column, taps.reshape(len(weight), 3, PAIR, PAIR * 3), padding, before, at + 1)
