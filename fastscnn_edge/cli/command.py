"""Shared frame of all commands: errors become one line and an exit status."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from ..errors import EXIT_INTERRUPTED, EXIT_USER_ERROR, FastSCNNEdgeError, MissingExtraError
from ..log import Log, plain

# Third-party module -> extra that installs it.
DEBUG = "FASTSCNN_EDGE_DEBUG"
"""Environment variable that turns unexpected errors into tracebacks."""

EXTRAS = {
    "ai_edge_litert": "tflite",
    "av": "camera",
    "onnxscript": "dev",
    **dict.fromkeys(("torch", "safetensors", "tqdm", "flatbuffers", "onnx", "onnxruntime"), "export"),
}


def guarded(body: Callable[[], int], log: Log = plain) -> int:
    """Run ``body`` and return its exit status; an exception becomes a status and one line through ``log``.

    User errors, Ctrl-C and a closed output pipe have their own statuses. Anything else is a bug: it is also reported in
    one line, and raised with its traceback if ``FASTSCNN_EDGE_DEBUG`` is set.
    """
    try:
        status = body()
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        log("info", "interrupted")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of standard output (head, less) has closed the pipe, which is not an error.
        return 0
    except Exception as error:
        if DEBUG in os.environ and not isinstance(error, FastSCNNEdgeError):
            raise
        log("error", _sentence(error))
        return EXIT_USER_ERROR
    finally:
        _give_up_broken_output()


def _sentence(error: Exception) -> str:
    """Describe an error in one sentence for the user."""
    if isinstance(error, FastSCNNEdgeError):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and (module := (error.name or "").split(".")[0]) in EXTRAS:
        return str(MissingExtraError(module, EXTRAS[module], "this command"))
    if isinstance(error, MemoryError):
        return "there is not enough memory; use a smaller input size, or fewer or smaller pictures"
    if isinstance(error, OSError) and error.strerror:
        where = f"cannot use {error.filename}" if error.filename is not None else "cannot write the output"
        return f"{where}: {error.strerror}"
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return f"unexpected {what}; this is a bug: please report it with what {DEBUG}=1 makes the same command print"


def _give_up_broken_output() -> None:
    """Redirect a standard output that cannot be written to /dev/null, or Python fails again at exit."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)


class _Parser(argparse.ArgumentParser):
    """Parser that reports an error as one line, like every other user error."""

    def error(self, message: str) -> NoReturn:
        """Print the message and exit with status 2."""
        self.exit(EXIT_USER_ERROR, f"{self.prog}: error: {' '.join(message.split())} ({self.prog} --help)\n")


def parser(name: str, description: str, examples: str) -> argparse.ArgumentParser:
    """Make an argument parser whose --help ends with examples."""
    return _Parser(
        prog=f"fastscnn-edge {name}",
        description=description,
        epilog="examples:\n" + "\n".join(f"  {line.strip()}" for line in examples.strip().splitlines()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
