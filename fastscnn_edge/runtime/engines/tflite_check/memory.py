"""Bound on the memory that running a checked model takes, from its tensors alone."""

from __future__ import annotations

from .flatbuffer import FlatbufferError
from .model import Model
from .operators import CONV

LEAST_BOUND = 64 << 20
"""Bytes of activations that every model may have."""

BYTES_PER_PIXEL = 256
"""Bytes of activations for each pixel of the input, beyond :data:`LEAST_BOUND`."""


def bound(height: int, width: int) -> int:
    """Most bytes of activations at one time that a model of this size may have."""
    return max(LEAST_BOUND, BYTES_PER_PIXEL * height * width)


def check_memory(model: Model, height: int, width: int) -> None:
    """Check that activations keep to :func:`bound`.

    Raises:
        FlatbufferError: they do not.
    """
    needed, allowed = peak(model), bound(height, width)
    if needed > allowed:
        raise FlatbufferError(
            f"its activations take {needed >> 20} MB; at {height}x{width} pixels at most {allowed >> 20} MB are allowed"
        )


def peak(model: Model) -> int:
    """Largest sum in bytes of the activations that are needed at one time.

    A convolution's input as a matrix of patches counts as well: kernels without XNNPACK make it.
    """
    last = {index: position for position, op in enumerate(model.operators) for index in op.inputs}
    last.update(dict.fromkeys(model.outputs, len(model.operators)))
    sizes = {index: t.size for index, t in enumerate(model.tensors) if t.data is None}
    live = {index: sizes[index] for index in model.inputs}
    # What nothing makes or reads is counted too: an interpreter may allocate it.
    used = set(model.inputs) | {index for op in model.operators for index in op.outputs}
    rest = sum(size for index, size in sizes.items() if index not in used)
    most = sum(live.values())
    for position, op in enumerate(model.operators):
        live.update({index: sizes[index] for index in op.outputs})
        patches = 0
        if op.code == CONV and len(op.inputs) > 1 and op.inputs[1] >= 0:
            weight, result = model.tensors[op.inputs[1]], model.tensors[op.outputs[0]]
            taps = weight.size // max(weight.shape[0], 1) if len(weight.shape) == 4 else 0
            pointwise = weight.shape[1:3] == (1, 1)
            patches = 0 if pointwise else result.size // max(result.shape[-1], 1) * taps
        most = max(most, sum(live.values()) + patches)
        live = {index: size for index, size in live.items() if last.get(index, -1) > position}
    return most + rest
