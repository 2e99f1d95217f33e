"""Checks of the tensors of a model: constants as long as their shapes, scales and zero points that can be right."""

from __future__ import annotations

import numpy as np

from .flatbuffer import FlatbufferError
from .model import DTYPES, FLOAT16, FLOAT32, INT8, Model, Tensor

_FLOATS = (FLOAT32, FLOAT16)


def check_tensors(model: Model) -> None:
    """Check each tensor by itself, and note types that this package never writes.

    Raises:
        FlatbufferError: a tensor contradicts itself.
    """
    for tensor in model.tensors:
        what = f"tensor {tensor.name!r:.60}"
        if tensor.kind not in DTYPES:
            model.foreign.append(f"a tensor of type {tensor.kind}")
            continue
        if tensor.data is not None:
            if len(tensor.data) != tensor.size:
                raise FlatbufferError(f"{what} is {list(tensor.shape)}, but has {len(tensor.data)} bytes")
            if tensor.data.ctypes.data % DTYPES[tensor.kind].itemsize:
                raise FlatbufferError(f"{what} is not aligned")
        if len(tensor.scales) or len(tensor.zero_points):
            _check_scales(tensor, what)


def _check_scales(tensor: Tensor, what: str) -> None:
    count = len(tensor.scales)
    if tensor.kind in _FLOATS:
        raise FlatbufferError(f"{what} is of floats, but has {count} scales")
    if count != len(tensor.zero_points):
        raise FlatbufferError(f"{what} has {count} scales and {len(tensor.zero_points)} zero points")
    if not 0 <= tensor.axis < max(len(tensor.shape), 1):
        raise FlatbufferError(f"{what} has scales along dimension {tensor.axis} of {len(tensor.shape)}")
    if count != 1 and (tensor.data is None or count != tensor.shape[tensor.axis]):
        raise FlatbufferError(f"{what} is {list(tensor.shape)}, but has {count} scales")
    if not (np.isfinite(tensor.scales).all() and (tensor.scales > 0).all()):
        raise FlatbufferError(f"{what} has a scale that is no number above 0")
    # Zero points are for int8 activations; weights, biases and int16 have none.
    lowest, highest = (-128, 127) if tensor.kind == INT8 and tensor.data is None else (0, 0)
    if tensor.kind == INT8 and tensor.data is not None and count == 1:
        lowest, highest = -128, 127  # a constant border has the zero point of the picture
    if not ((tensor.zero_points >= lowest) & (tensor.zero_points <= highest)).all():
        raise FlatbufferError(f"{what} has a zero point outside {lowest}..{highest}")
