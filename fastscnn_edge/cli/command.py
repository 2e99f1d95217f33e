"""What every command does the same way: user errors become one line and exit status 2."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from ..errors import FastSCNNEdgeError, MissingExtraError, UsageError
from ..log import Log, plain

EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130


# Third-party module -> the extra that brings it.
EXTRAS = {"ai_edge_litert": "tflite", "av": "camera", "onnxscript": "dev",
          **dict.fromkeys(("torch", "safetensors", "tqdm", "flatbuffers", "onnx", "onnxruntime"), "export")}


def guarded(body: Callable[[], int], log: Log = plain) -> int:
    """Run ``body`` and return its exit status, with user errors and Ctrl-C turned into statuses and told to ``log``."""
    try:
        return body()
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
        # The reader of our output (head, less) went away; that is not our error.
        sys.stderr.close()
        return 0


def parser(name: str, description: str, examples: str) -> argparse.ArgumentParser:
    """An argument parser whose --help ends with examples."""
    return argparse.ArgumentParser(
        prog=f"fastscnn-edge {name}",
        description=description,
        epilog="examples:\n" + "\n".join(f"  {line.strip()}" for line in examples.strip().splitlines()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def size(text: str) -> tuple[int, int]:
    """argparse type for HEIGHTxWIDTH in pixels."""
    try:
        height, width = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not HEIGHTxWIDTH, for example 360x480") from None
    if not (32 <= height <= 8192 and 32 <= width <= 8192):
        raise argparse.ArgumentTypeError(f"'{text}' is outside 32..8192 pixels a side")
    return height, width


def positive(text: str) -> int:
    """argparse type for an integer of at least 1."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not an integer of at least 1")
    return value


def require(condition: bool, message: str) -> None:
    """Raise :class:`UsageError` unless ``condition`` holds."""
    if not condition:
        raise UsageError(message)
