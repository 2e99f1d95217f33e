"""LiteRT, or its predecessor tflite-runtime, as an engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...errors import ModelFileError
from ...spec import ModelSpec
from ...text import count_of
from .base import LogitsQuantization
from .tflite_check.check import check_model
from .tflite_file import read_described
from .tflite_interpreter import find_library, open_interpreter


class TFLiteEngine:
    """:class:`~fastscnn_edge.runtime.engines.base.Engine` for .tflite files.

    Raises:
        ModelFileError: missing, damaged, refused by the check or the interpreter, or its tensors contradict its
            description.
        MissingExtraError: no interpreter is installed.
    """

    name = "tflite"

    def __init__(self, path: str | Path, threads: int) -> None:
        # First the digest and the content: native code trusts the file it maps.
        described = read_described(path)
        self.spec: ModelSpec = described.spec
        check_model(Path(path), described.body_size, described.spec)
        self.threads = threads
        self.details: dict[str, Any] = {}
        self.library, _ = find_library()
        self._interpreter = open_interpreter(Path(path), threads)
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        _check(Path(path), self.spec, inputs, outputs)
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]
        self.output_quantization = _quantization(outputs[0])

    def input_view(self) -> np.ndarray:
        """Return the interpreter's input memory, int8 or float32 [1, H, W, 3]; drop it before :meth:`invoke`."""
        result: np.ndarray = self._interpreter.tensor(self._input)()
        return result

    def invoke(self) -> None:
        """Run the network.

        Raises:
            RuntimeError: an :meth:`input_view` is still referenced; the interpreter may move that memory.
        """
        self._interpreter.invoke()

    def logits(self) -> np.ndarray:
        """Copy the last result: int8 or float32 [h, w, C]."""
        result: np.ndarray = self._interpreter.get_tensor(self._output)[0]
        return result


def _check(path: Path, spec: ModelSpec, inputs: list[dict[str, Any]], outputs: list[dict[str, Any]]) -> None:
    """Check the tensors against the description; otherwise masks would be silently wrong."""
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelFileError(f"{path} has {len(inputs)} inputs and {len(outputs)} outputs, not one of each")
    dtype = np.dtype(np.int8 if spec.precision == "int8" else np.float32)
    for role, detail in (("input", inputs[0]), ("output", outputs[0])):
        if np.dtype(detail["dtype"]) != dtype:
            actual = np.dtype(detail["dtype"])
            raise ModelFileError(f"{path}: its {role} is {actual}, but a {spec.precision} model has {dtype}")
    got, expected = [int(n) for n in inputs[0]["shape"]], [1, spec.height, spec.width, 3]
    if got != expected:
        raise ModelFileError(f"{path}: its input is {got}, but its description says {expected}")
    got = [int(n) for n in outputs[0]["shape"]]
    if len(got) != 4 or got[0] != 1 or got[3] != len(spec.classes) or min(got) < 1:
        raise ModelFileError(
            f"{path}: its output is {got}, its description says {count_of(len(spec.classes), 'class')}"
        )
    if dtype == np.int8 and len(outputs[0]["quantization_parameters"]["scales"]) != 1:
        raise ModelFileError(f"{path}: its logits do not share one scale, so they cannot be compared as integers")


def _quantization(output: dict[str, Any]) -> LogitsQuantization | None:
    parameters = output["quantization_parameters"]
    if np.dtype(output["dtype"]) != np.int8:
        return None
    return LogitsQuantization(float(parameters["scales"][0]), int(parameters["zero_points"][0]))
