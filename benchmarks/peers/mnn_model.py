"""MNN: argv model.onnx out.mnn.

The extension module converts; the command ``mnnconvert`` above it would first run ``pip install`` for its maker's
logging package, with whichever pip comes first on PATH.
"""

import sys

import _tools

source, out = sys.argv[1:]
_tools.mnnconvert(["mnnconvert", "-f", "ONNX", "--modelFile", source, "--MNNModel", out, "--bizCode", "x"])
