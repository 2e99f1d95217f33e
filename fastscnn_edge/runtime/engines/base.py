"""What an inference engine is to the rest of the runtime, and which one opens which file."""

from __future__ import annotations

import os
from typing import Any, NamedTuple, Protocol

import numpy as np

from ...spec import ModelSpec

MAX_DEFAULT_THREADS = 4
"""Boards have four fast cores at most, and beyond that this small network no longer gains."""


class LogitsQuantization(NamedTuple):
    """``real = scale * (integer - zero_point)``."""

    scale: float
    zero_point: int


class Engine(Protocol):
    """A loaded model. Use: fill ``input_view()``, ``invoke()``, read ``logits()``.

    Attributes:
        spec: the model's description.
        name: of the engine, as in the report: ``tflite`` or ``onnxruntime``.
        library: package and version that runs it: ``ai-edge-litert 2.0.0``.
        threads: number it was given.
        output_quantization: of int8 logits, None for float ones.
        details: what else the report should say of this engine.
    """

    spec: ModelSpec
    name: str
    library: str
    threads: int
    output_quantization: LogitsQuantization | None
    details: dict[str, Any]

    def input_view(self) -> np.ndarray:
        """The engine's own input memory: int8, uint8 or float32 [1, H, W, 3]. Drop it before :meth:`invoke`."""
        ...

    def invoke(self) -> None:
        """Run the network on what the input memory holds."""
        ...

    def logits(self) -> np.ndarray:
        """A copy of the last result: int8 or float32 [h, w, C]."""
        ...


def default_threads() -> int:
    """CPUs this process may use (affinity and cpusets count, unlike in ``os.cpu_count``), at most four."""
    return min(len(os.sched_getaffinity(0)), MAX_DEFAULT_THREADS)
