"""Comparison of one quantized graph in every engine with the integer evaluator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...quantization.graph.arithmetic import quantize
from ...quantization.graph.graph import Graph, quantization_of
from ..to_onnx.options import ORT_ARM64, ORT_X86, OnnxOptions

if TYPE_CHECKING:
    from ..prepare import Prepared

FLOAT = "float graph, rounded at the end"
"""Name of the reference line: the change that quantization itself makes."""

Logits = Callable[[np.ndarray], np.ndarray]
"""Function from RGB uint8 [H, W, 3] of the graph's size to int8 logits [1, h, w, C]."""


@dataclass
class Tally:
    """Counts of one engine's int8 logits against the evaluator's, summed over images.

    Attributes:
        steps: [256] number of logits by their absolute difference in steps.
        points: grid points in all.
        same: grid points with the evaluator's class.
    """

    steps: np.ndarray = field(default_factory=lambda: np.zeros(256, np.int64))
    points: int = 0
    same: int = 0

    def add(self, expected: np.ndarray, actual: np.ndarray) -> None:
        """Count one image; both int8 [1, h, w, C]."""
        gap = np.abs(expected.astype(np.int16) - actual.astype(np.int16))
        self.steps += np.bincount(gap.ravel(), minlength=len(self.steps))
        same = expected.argmax(-1) == actual.argmax(-1)
        self.points += same.size
        self.same += int(same.sum())

    def summary(self) -> Agreement:
        """The figures of the table."""
        share = self.steps / self.steps.sum()
        rms = float(np.sqrt(share @ np.arange(len(share)) ** 2))
        return Agreement(
            int(np.flatnonzero(self.steps).max()),
            rms,
            float(1 - share[0]),
            float(share[2:].sum()),
            self.same / self.points,
        )


@dataclass(frozen=True)
class Agreement:
    """Attributes:
    largest, rms: largest difference, and root of the mean square, in steps.
    differing, beyond_one: share of logits that differ at all, and by more than one step, 0..1.
    same_class: share of grid points with the evaluator's class, 0..1.
    """

    largest: int
    rms: float
    differing: float
    beyond_one: float
    same_class: float


def as_integers(graph: Graph, real: np.ndarray) -> np.ndarray:
    """Real logits in the int8 steps of ``graph``."""
    quantization = quantization_of(graph.tensors[graph.output])
    return quantize(real, quantization.scale[0], quantization.zero_point)


def open_engines(prepared: Prepared, folder: Path) -> dict[str, Logits]:
    """Every engine by name, as a function to int8 logits; the files go to ``folder``."""
    from ..convert import write_onnx_file, write_tflite_file

    tflite = folder / "model.tflite"
    write_tflite_file(tflite, prepared, "int8")
    engines = {
        "LiteRT, reference kernels": _tflite(tflite, reference=True),
        "LiteRT, XNNPACK": _tflite(tflite),
    }
    targets = {"ONNX Runtime, uint8 activations": ORT_X86, "ONNX Runtime, int8 activations": ORT_ARM64}
    for name, target in targets.items():
        options = OnnxOptions(target=target)
        path = folder / f"{target}.onnx"
        write_onnx_file(path, prepared, "int8", options)
        engines[name] = _onnx(path, prepared, options)
    return engines


def _tflite(path: Path, *, reference: bool = False) -> Logits:
    from ...runtime.engines.tflite_interpreter import open_interpreter

    interpreter = open_interpreter(path, 1, reference=reference)
    source, result = (
        details[0]["index"] for details in (interpreter.get_input_details(), interpreter.get_output_details())
    )

    def logits(image: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(source, (image ^ 0x80).view(np.int8)[None])
        interpreter.invoke()
        found: np.ndarray = interpreter.get_tensor(result)
        return found

    return logits


def _onnx(path: Path, prepared: Prepared, options: OnnxOptions) -> Logits:
    from ..to_onnx.verify import integers, open_session

    session, _ = open_session(path, options)

    def logits(image: np.ndarray) -> np.ndarray:
        (real,) = session.run(None, {"image": image[None]})
        return integers(prepared.graph, real.transpose(0, 2, 3, 1))

    return logits
