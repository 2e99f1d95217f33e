"""Interface between an inference engine and the rest of the runtime."""

from __future__ import annotations

import platform
from typing import Any, NamedTuple, Protocol

import numpy as np

from ...errors import FastSCNNEdgeError
from ...spec import ModelSpec
from ...system import usable_cpus

MAX_DEFAULT_THREADS = 4
"""Boards have at most four fast cores, and this small network gains nothing from more."""


class LogitsQuantization(NamedTuple):
    """Meaning of integer logits: ``real = scale * (integer - zero_point)``."""

    scale: float
    zero_point: int


class Engine(Protocol):
    """A loaded model. Use: fill ``input_view()``, ``invoke()``, read ``logits()``.

    Attributes:
        spec: the model's description.
        name: engine name for the report: ``tflite`` or ``onnxruntime``.
        library: package and version that runs the model, such as ``ai-edge-litert 2.0.0``.
        threads: number of threads it was given.
        output_quantization: scale and zero point of int8 logits, None for float logits.
        details: further facts about this engine for the report.
    """

    spec: ModelSpec
    name: str
    library: str
    threads: int
    output_quantization: LogitsQuantization | None
    details: dict[str, Any]

    def input_view(self) -> np.ndarray:
        """Return the engine's own input memory: int8, uint8 or float32 [1, H, W, 3]. Drop it before :meth:`invoke`."""
        ...

    def invoke(self) -> None:
        """Run the network on the content of the input memory."""
        ...

    def logits(self) -> np.ndarray:
        """Copy the last result: int8 or float32 [h, w, C]."""
        ...


def default_threads() -> int:
    """Count the CPUs this process may use, at most four; unlike ``os.cpu_count``, affinity and cpusets count."""
    return min(usable_cpus(), MAX_DEFAULT_THREADS)


def refuse_armv6() -> None:
    """Say on a Raspberry Pi 1, Zero or Zero W that no engine is built for its processor.

    Raises:
        FastSCNNEdgeError: this processor is an ARMv6.
    """
    if platform.machine().startswith("armv6"):
        raise FastSCNNEdgeError(
            "no inference engine is built for this processor, an ARMv6 (Raspberry Pi 1, Zero, Zero W): "
            "a Raspberry Pi Zero 2 W or newer runs this"
        )
