"""``fastscnn-edge COMMAND``: finds the command's module and hands it the arguments.

A command is imported only when it is the one asked for, so ``fastscnn-edge run`` on a board never
sees the modules that need torch.
"""

from __future__ import annotations

import importlib
import sys

from .. import __version__
from ..errors import EXIT_USER_ERROR
from .command import guarded

# name -> (module with main(argv) -> int, one line of help)
COMMANDS = {
    "run": ("fastscnn_edge.commands.run", "segment pictures, videos or a camera on this device"),
    "cameras": ("fastscnn_edge.commands.cameras", "list the cameras of this device and their modes"),
    "bench": ("fastscnn_edge.commands.bench", "measure a model on this device, by rules that can be quoted"),
    "compare": ("fastscnn_edge.commands.compare", "whether reports differ beyond noise, and in which conditions"),
    "memory": ("fastscnn_edge.commands.memory", "peak memory of models, estimated and measured"),
    "report": ("fastscnn_edge.commands.report", "draw the HTML page of a report again"),
    "doctor": ("fastscnn_edge.commands.doctor", "what is installed here, what will be used, and whether it works"),
    "calibrate": ("fastscnn_edge.commands.calibrate", "put int8 activation scales into a checkpoint"),
    "export": ("fastscnn_edge.commands.export", "turn a checkpoint into a .tflite or an .onnx"),
    "quantize": ("fastscnn_edge.commands.quantize", "quantize a checkpoint, by calibration or training"),
    "sensitivity": ("fastscnn_edge.commands.sensitivity", "which layers lose what in int8"),
    "ranges": ("fastscnn_edge.commands.ranges", "how much of int8 each channel gets"),
    "compare-quantizers": ("fastscnn_edge.commands.compare_quantizers", "our recipes and ONNX Runtime's own, by mIoU"),
    "compare-engines": ("fastscnn_edge.commands.compare_engines", "one int8 network in every engine, logit by logit"),
    "lint": ("fastscnn_edge.commands.lint", "check an INT8 .onnx against TensorRT's rules"),
    "tensorrt-plan": ("fastscnn_edge.commands.tensorrt_plan", "the engine build for a Jetson, printed or run"),
    "evaluate": ("fastscnn_edge.commands.evaluate", "mIoU of a checkpoint or an artifact"),
    "train": ("fastscnn_edge.commands.train", "train on CamVid or Cityscapes"),
}


def main(argv: list[str] | None = None) -> int:
    """Entry point of the console script; returns the exit status."""
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_usage())
        return 0 if arguments else EXIT_USER_ERROR
    if arguments[0] == "--version":
        print(f"fastscnn-edge {__version__}")
        return 0
    if arguments[0] not in COMMANDS:
        print(f"fastscnn-edge: error: unknown command '{arguments[0]}'; one of: {', '.join(COMMANDS)}", file=sys.stderr)
        return EXIT_USER_ERROR
    module = COMMANDS[arguments[0]][0]
    return guarded(lambda: importlib.import_module(module).main(arguments[1:]))


def _usage() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {text}" for name, (_, text) in COMMANDS.items()]
    return "usage: fastscnn-edge COMMAND [--help] ...\n\ncommands:\n" + "\n".join(lines)
