"""``fastscnn-edge COMMAND``: finds the command's module and calls it with the arguments.

Only the requested command is imported, so ``fastscnn-edge run`` on a board never imports modules that need torch.
"""

from __future__ import annotations

import importlib
import io
import os
import signal
import sys
import threading
from types import ModuleType

from .. import __version__
from ..errors import EXIT_INTERRUPTED, EXIT_USER_ERROR
from .command import guarded

# name -> (module with main(argv) -> int, one line of help)
COMMANDS = {
    "run": ("fastscnn_edge.commands.run", "segment pictures, a video or a camera on this device"),
    "cameras": ("fastscnn_edge.commands.cameras", "list the attached cameras and their modes"),
    "bench": ("fastscnn_edge.commands.bench", "measure a model on this device with a reproducible method"),
    "compare": (
        "fastscnn_edge.commands.compare",
        "compare reports: significant differences, and how conditions differ",
    ),
    "memory": ("fastscnn_edge.commands.memory", "estimate or measure the peak memory of models"),
    "report": ("fastscnn_edge.commands.report", "write the HTML page of a report again"),
    "doctor": ("fastscnn_edge.commands.doctor", "check what is installed, what will be used, and whether it works"),
    "calibrate": ("fastscnn_edge.commands.calibrate", "add int8 activation scales to a checkpoint"),
    "export": ("fastscnn_edge.commands.export", "convert a checkpoint to .tflite or .onnx and verify the file"),
    "quantize": ("fastscnn_edge.commands.quantize", "quantize a checkpoint by calibration or training"),
    "sensitivity": ("fastscnn_edge.commands.sensitivity", "rank layers by what they lose in int8"),
    "ranges": ("fastscnn_edge.commands.ranges", "show int8 range utilization per channel"),
    "compare-quantizers": (
        "fastscnn_edge.commands.compare_quantizers",
        "compare mIoU of our PTQ recipes with ONNX Runtime's",
    ),
    "compare-engines": ("fastscnn_edge.commands.compare_engines", "compare one int8 network's logits in every engine"),
    "lint": ("fastscnn_edge.commands.lint", "check an INT8 .onnx against TensorRT's rules"),
    "tensorrt-plan": ("fastscnn_edge.commands.tensorrt_plan", "print or run the trtexec command for a Jetson"),
    "evaluate": ("fastscnn_edge.commands.evaluate", "measure the mIoU of checkpoints and exported models"),
    "train": ("fastscnn_edge.commands.train", "train on CamVid or Cityscapes"),
}


def main(argv: list[str] | None = None) -> int:
    """Entry point of the console script; returns the exit status."""
    arguments = sys.argv[1:] if argv is None else argv
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files need not be UTF-8
            stream.reconfigure(errors="backslashreplace")
    if not arguments or arguments[0] in ("-h", "--help"):
        return guarded(lambda: _print(_usage())) or (0 if arguments else EXIT_USER_ERROR)
    if arguments[0] == "--version":
        return guarded(lambda: _print(f"fastscnn-edge {__version__}"))
    if arguments[0] not in COMMANDS:
        print(f"fastscnn-edge: error: unknown command '{arguments[0]}'; one of: {', '.join(COMMANDS)}", file=sys.stderr)
        return EXIT_USER_ERROR
    module = COMMANDS[arguments[0]][0]
    return guarded(lambda: _import(module).main(arguments[1:]))


def _import(module: str) -> ModuleType:
    """Import a command; Ctrl-C meanwhile ends the process at once.

    A KeyboardInterrupt raised inside the import system can be swallowed there and leave a module locked, so that the
    next import waits for ever. Nothing has been measured or written yet that would be lost.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler or not _in_main_thread():
        return importlib.import_module(module)
    signal.signal(signal.SIGINT, lambda *_: os._exit(EXIT_INTERRUPTED))
    try:
        return importlib.import_module(module)
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _print(text: str) -> int:
    print(text)
    return 0


def _usage() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {text}" for name, (_, text) in COMMANDS.items()]
    return "usage: fastscnn-edge COMMAND [--help] ...\n\ncommands:\n" + "\n".join(lines)
