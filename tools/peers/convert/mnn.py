"""MNN: argv model.onnx out.mnn."""

from __future__ import annotations

import sys
from pathlib import Path


def convert(source: Path, out: Path) -> None:
    """Call the extension module: the command ``mnnconvert`` above it would first ``pip install`` a logging package."""
    import _tools

    _tools.mnnconvert(
        ["mnnconvert", "-f", "ONNX", "--modelFile", f"{source}", "--MNNModel", f"{out}", "--bizCode", "x"]
    )


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
