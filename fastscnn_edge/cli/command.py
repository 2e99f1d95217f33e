"""What every command does the same way: user errors become one line and exit status 2."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from ..errors import EXIT_INTERRUPTED, EXIT_USER_ERROR, FastSCNNEdgeError, MissingExtraError
from ..log import Log, plain

# Third-party module -> the extra that brings it.
EXTRAS = {
    "ai_edge_litert": "tflite",
    "av": "camera",
    "onnxscript": "dev",
    **dict.fromkeys(("torch", "safetensors", "tqdm", "flatbuffers", "onnx", "onnxruntime"), "export"),
}


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
