"""The interpreter of LiteRT, or of its predecessor tflite-runtime."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...errors import MissingExtraError, ModelFileError
from ...native_stderr import captured_stderr
from ..board.backends import version_of

_LIBRARIES = {"ai_edge_litert.interpreter": "ai-edge-litert", "tflite_runtime.interpreter": "tflite-runtime"}


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
    _, module = find_library()
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
        raise ModelFileError(f"{name}: the interpreter refuses it: {' '.join(str(failure).split())}") from failure
    for line in lines:
        (log or _warn)(line)
    return interpreter


def find_library() -> tuple[str, Any]:
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
