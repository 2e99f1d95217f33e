"""LiteRT, or its predecessor tflite-runtime, as an engine."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import MissingExtraError, ModelFileError
from ...spec import ModelSpec
from ..board.backends import version_of
from .base import LogitsQuantization
from .native_stderr import captured_stderr
from .tflite_file import read_spec

_LIBRARIES = {"ai_edge_litert.interpreter": "ai-edge-litert", "tflite_runtime.interpreter": "tflite-runtime"}


class TFLiteEngine:
    """:class:`~fastscnn_edge.runtime.engines.base.Engine` for .tflite files.

    Raises:
        ModelFileError: missing, damaged, refused by the interpreter, or its tensors contradict its description.
        MissingExtraError: no interpreter is installed.
    """

    name = "tflite"

    def __init__(self, path: str | Path, threads: int) -> None:
        # The description first: reading it checks the digest before native code maps the file.
        self.spec: ModelSpec = read_spec(path)
        self.threads = threads
        self.details: dict[str, Any] = {}
        self.library, _ = _find_library()
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


def open_interpreter(
    model: Path | bytes,
    threads: int,
    *,
    reference: bool = False,
    keep_tensors: bool = False,
    log: Callable[[str], None] | None = None,
) -> Any:
    """Open an interpreter of the first library that is installed, with its tensors allocated.

    Args:
        model: a .tflite, or its content.
        threads: number of threads.
        reference: plain C++ kernels and no delegate: slow, but the same arithmetic everywhere.
        keep_tensors: intermediate results can be read after a run.
        log: receives each line that native code printed; by default all lines but INFO go to stderr.

    Raises:
        ModelFileError: the interpreter refuses the model.
        MissingExtraError: no interpreter is installed.
    """
    _, module = _find_library()
    source: dict[str, Any] = {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}
    # Options are passed only if they are needed: the older library lacks some.
    if reference:
        source["experimental_op_resolver_type"] = module.OpResolverType.BUILTIN_REF
    if keep_tensors:
        source["experimental_preserve_all_tensors"] = True
    failure: Exception | None = None
    with captured_stderr() as lines:
        try:
            interpreter = module.Interpreter(num_threads=threads, **source)
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            failure = error
    if failure is not None:
        name = "a model" if isinstance(model, bytes) else model
        raise ModelFileError(f"{name}: the interpreter refuses it: {failure}") from failure
    for line in lines:
        (log or _warn)(line)
    return interpreter


def _find_library() -> tuple[str, Any]:
    """Find the first library that is installed: (package and version, interpreter module)."""
    for module_name, package in _LIBRARIES.items():
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError:
            continue
        return f"{package} {version_of(package) or 'of unknown version'}", module
    raise MissingExtraError("ai-edge-litert or tflite-runtime", "tflite", "running a .tflite")


def _warn(line: str) -> None:
    if not line.startswith("INFO:"):  # which delegate was created and the like
        print(line, file=sys.stderr)


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
        raise ModelFileError(f"{path}: its output is {got}, but its description says {len(spec.classes)} classes")
    if dtype == np.int8 and len(outputs[0]["quantization_parameters"]["scales"]) != 1:
        raise ModelFileError(f"{path}: its logits do not share one scale, so they cannot be compared as integers")


def _quantization(output: dict[str, Any]) -> LogitsQuantization | None:
    parameters = output["quantization_parameters"]
    if np.dtype(output["dtype"]) != np.int8:
        return None
    return LogitsQuantization(float(parameters["scales"][0]), int(parameters["zero_points"][0]))
