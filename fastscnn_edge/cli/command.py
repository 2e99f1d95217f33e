"""Shared frame of all commands: user errors become one line and exit status 2."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from ..errors import EXIT_INTERRUPTED, EXIT_USER_ERROR, FastSCNNEdgeError, MissingExtraError
from ..log import Log, plain

# Third-party module -> extra that installs it.
EXTRAS = {
    "ai_edge_litert": "tflite",
    "av": "camera",
    "onnxscript": "dev",
    **dict.fromkeys(("torch", "safetensors", "tqdm", "flatbuffers", "onnx", "onnxruntime"), "export"),
}


def guarded(body: Callable[[], int], log: Log = plain) -> int:
    """Run ``body`` and return its exit status; user errors and Ctrl-C become statuses, reported through ``log``."""
    try:
        status = body()
        sys.stdout.flush()
        return status
    except FastSCNNEdgeError as error:
        log("error", str(error))
        return EXIT_USER_ERROR
    except ModuleNotFoundError as error:
        module = (error.name or "").split(".")[0]
        if module not in EXTRAS:
            raise
        log("error", str(MissingExtraError(module, EXTRAS[module], "this command")))
        return EXIT_USER_ERROR
    except KeyboardInterrupt:
        log("info", "interrupted")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of standard output (head, less) has closed the pipe, which is not an error.
        return 0
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise
        log("error", f"cannot write the output: {error.strerror}")
        return EXIT_USER_ERROR
    finally:
        _give_up_broken_output()


def _give_up_broken_output() -> None:
    """Redirect a standard output that cannot be written to /dev/null, or Python fails again at exit."""
    try:
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
