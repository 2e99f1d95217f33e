"""One run of a written file in the installed interpreter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...errors import ModelFileError, OutputError
from ...quantization.graph.evaluator import input_values
from ...quantization.graph.graph import Graph
from ...runtime.engines.tflite_interpreter import open_interpreter


def run_interpreter(
    path: Path, graph: Graph, image: np.ndarray, *, reference: bool = False, keep_tensors: bool = False
) -> Any:
    """A fresh interpreter of ``path``, the file of ``graph``, that has run on ``image`` (uint8 [H, W, 3]).

    Args:
        reference: plain C++ kernels instead of the default ones.
        keep_tensors: intermediate results can be read as well.

    Raises:
        OutputError: the interpreter refuses the file.
    """
    try:
        interpreter = open_interpreter(path, 1, reference=reference, keep_tensors=keep_tensors, log=_ignore)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], input_values(graph, image))
        interpreter.invoke()
    except ModelFileError as error:
        raise OutputError(f"the interpreter refuses the written file: {error.__cause__}") from error
    except (ValueError, RuntimeError) as error:
        raise OutputError(f"the interpreter refuses the written file: {error}") from error
    return interpreter


def _ignore(line: str) -> None:
    """Drop which delegate was created and the like."""
