"""The interpreter of LiteRT, or of its predecessor tflite-runtime."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...errors import FastSCNNEdgeError, MissingExtraError, ModelFileError
from ...native_stderr import captured_stderr
from ..board.backends import version_of
from .base import refuse_armv6

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
    """Find the first library that is installed: (package and version, interpreter module).

    Raises:
        MissingExtraError: none is installed.
        FastSCNNEdgeError: one is installed but cannot be loaded here, or none exists for this processor.
    """
    broken = None
    for module_name, package in _LIBRARIES.items():
        try:
            with captured_stderr() as lines:  # NumPy 2 prints a page about modules that were built for NumPy 1
                module = importlib.import_module(module_name)
        except ModuleNotFoundError:
            continue
        except ImportError as error:
            broken = broken or _why_not_loaded(package, error)
            continue
        for line in lines:
            _warn(line)
        return f"{package} {version_of(package) or 'of unknown version'}", module
    if broken is not None:
        raise FastSCNNEdgeError(broken)
    refuse_armv6()
    raise MissingExtraError("ai-edge-litert or tflite-runtime", "tflite", "running a .tflite")


def _why_not_loaded(package: str, error: ImportError) -> str:
    numpy = version_of("numpy") or "0"
    if package == "tflite-runtime" and int(numpy.split(".")[0]) >= 2:
        return (
            f"tflite-runtime was built for NumPy 1 and cannot be loaded with NumPy {numpy}: "
            "pip install 'numpy<2', or its successor: pip install ai-edge-litert"
        )
    return f"{package} is installed but cannot be loaded: {' '.join(str(error).split())}"


def _warn(line: str) -> None:
    if not line.startswith("INFO:"):  # which delegate was created and the like
        print(line, file=sys.stderr)
