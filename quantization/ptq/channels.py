"""Sets of channels, across activations, that must be scaled by the same factor.

A positive factor on such a set of channels can be put into the convolutions that produce them and taken out
again in the convolutions that read them, and the network's function stays what it was:

* a convolution, with or without ReLU, is homogeneous: relu(f * (w x + b)) = f * relu(w x + b) for f > 0;
* a resize, a slice and an average over positions are linear and keep channels apart;
* a sum obeys f * a + f * b = f * (a + b), again with or without ReLU, if both sides carry the same factor;
* a concatenation along channels only puts them side by side.

So every convolution starts new sets, sums join sets, and every other operation passes them through.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..graph.graph import Add, Concat, Conv, Graph


@dataclass(frozen=True)
class ChannelSets:
    """Attributes:
    of: activation -> int64 [C], the set each of its channels belongs to, 0 <= set < ``count``.
    count: number of sets.
    fixed: bool [count], sets whose factor is 1: input, logits, and those joined with a constant.
    """

    of: dict[str, np.ndarray]
    count: int
    fixed: np.ndarray


def channel_sets(graph: Graph) -> ChannelSets:
    """The sets of ``graph``'s activations."""
    of: dict[str, np.ndarray] = {}
    same: list[tuple[np.ndarray, np.ndarray]] = []
    pinned = []
    count = 0

    def fresh(name: str) -> np.ndarray:
        nonlocal count
        channels = graph.tensors[name].shape[-1]
        count += channels
        return np.arange(count - channels, count)

    of[graph.input] = fresh(graph.input)
    for op in graph.ops:
        if isinstance(op, Conv):
            of[op.output] = fresh(op.output)
        elif isinstance(op, Add):
            of[op.output] = of[op.inputs[0]]
            same.append((of[op.inputs[0]], of[op.inputs[1]]))
        elif isinstance(op, Concat) and op.axis == 3:
            of[op.output] = np.concatenate([of[name] for name in op.inputs])
        elif isinstance(op, Concat):
            # A border along rows or columns: its constants have the same channels as the image.
            parts = [of[name] for name in op.inputs if name in of]
            of[op.output] = parts[0]
            same.extend((parts[0], part) for part in parts[1:])
            if len(parts) < len(op.inputs):
                pinned.append(parts[0])
        else:
            of[op.output] = of[op.input]
    label = _joined(count, same)
    values, label = np.unique(label, return_inverse=True)
    fixed = np.zeros(len(values), bool)
    for sets in (of[graph.input], of[graph.output], *pinned):
        fixed[label[sets]] = True
    return ChannelSets({name: label[sets] for name, sets in of.items()}, len(values), fixed)


def _joined(count: int, same: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Labels int64 [count], equal for members that a chain of pairs connects."""
    label = np.arange(count)
    for a, b in same:
        for x, y in zip(a, b, strict=True):
            if label[x] != label[y]:
                label[label == label[y]] = label[x]
    return label
