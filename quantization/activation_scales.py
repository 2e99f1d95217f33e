"""Activation scales as plain data that travels in a checkpoint, from calibration or from training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import CheckpointError
from .calibration.scheme import Scheme
from .graph.graph import Graph, Quantization, scale_groups
from .ptq.ptq import INPUT

SCALES = 1e-18, 1e18
"""Least and greatest scale that is read from a file; beyond, products of two leave float32."""


def is_usable_scale(scale: np.ndarray) -> bool:
    """Whether all values of ``scale`` are float32 numbers within :data:`SCALES`."""
    with np.errstate(invalid="ignore"):
        return scale.dtype == np.float32 and bool(((scale >= SCALES[0]) & (scale <= SCALES[1])).all())


def _parameters(scale: Any, zero_point: Any) -> Quantization:
    """Check what a file has for one activation. Raises ValueError."""
    if type(scale) not in (int, float) or not SCALES[0] <= scale <= SCALES[1]:
        raise ValueError(f"a scale of {scale!r:.40}")
    if type(zero_point) is not int or not -128 <= zero_point <= 127:
        raise ValueError(f"a zero point of {zero_point!r:.40}")
    return Quantization(np.array([scale], np.float32), zero_point)


def scales_to_plain(parameters: Mapping[str, Quantization], scheme: Scheme, origin: str) -> dict[str, Any]:
    """Convert to JSON-able data; ``origin`` describes where the scales come from."""
    # A float32 survives JSON exactly: Python prints the shortest text that reads back as the same double.
    activations = {name: [float(q.scale[0]), q.zero_point] for name, q in sorted(parameters.items())}
    return {"scheme": scheme.name, "origin": origin, "activations": activations}


def scales_from_plain(plain: Mapping[str, Any], graph: Graph, scheme: Scheme) -> dict[str, Quantization]:
    """Scale and zero point of every activation of ``graph``.

    The graph may have another size than the one the scales were found at: activations are matched by name,
    and one that the other size did not have takes the parameters of its group.

    Raises:
        CheckpointError: the data is malformed or of another scheme, or an activation is missing.
    """
    try:
        if plain["scheme"] != scheme.name:
            raise CheckpointError(f"the checkpoint's scales are of scheme '{plain['scheme']}', not '{scheme.name}'")
        stored = {str(name): _parameters(*pair) for name, pair in plain["activations"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"the checkpoint's activation scales are damaged: {error!r}; calibrate again") from error
    parameters: dict[str, Quantization] = {}
    for group in scale_groups(graph):
        known = [stored[name] for name in sorted(group) if name in stored]
        if graph.input in group:
            known = [INPUT]
        if not known:
            raise CheckpointError(f"the checkpoint has no scale for {', '.join(sorted(group))}; calibrate again")
        parameters.update(dict.fromkeys(group, known[0]))
    return parameters
