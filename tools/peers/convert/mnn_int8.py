"""MNN's offline quantization, settings as its manual has them: argv model.onnx calibration.npz out.mnn.

Among its manual's methods for activations only EMA works on this graph: KL, the default, and ADMM crash. EMA's batch is
1 because the pyramid is written for one image.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from PIL import Image

from .calibration import Calibration
from .mnn import convert


def keep_relu(model: onnx.ModelProto) -> onnx.ModelProto:
    """Write the ReLU after an addition as a maximum with zero.

    MNN merges it into the addition otherwise, and in INT8 clamps there at a wrong level: the features after fusion
    start at 6 instead of 0, and nothing of the masks is left.
    """
    sums = {node.output[0] for node in model.graph.node if node.op_type == "Add"}
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros((1, 1, 1, 1), np.float32), "zero"))
    for node in model.graph.node:
        if node.op_type == "Relu" and node.input[0] in sums:
            node.op_type = "Max"
            node.input.append("zero")
    return model


def quantize(source: Path, calibration: Calibration, out: Path, folder: Path) -> None:
    """Convert ``source`` and quantize it, with intermediate files in ``folder``."""
    import _tools

    onnx.save(keep_relu(onnx.load(source)), folder / "model.onnx")
    convert(folder / "model.onnx", folder / "model.mnn")
    images = folder / "images"
    images.mkdir()
    for number, frame in enumerate(calibration.frames):
        Image.fromarray(frame).save(images / f"{number}.png")
    config = {
        "format": "RGB",
        "mean": calibration.mean.tolist(),
        "normal": (1 / calibration.std).tolist(),
        "width": calibration.frames.shape[2],
        "height": calibration.frames.shape[1],
        "path": f"{images}/",
        "used_image_num": len(calibration.frames),
        "feature_quantize_method": "EMA",
        "weight_quantize_method": "MAX_ABS",
        "batch_size": 1,
    }
    (folder / "config.json").write_text(json.dumps(config))
    # The command mnnquant passes three words where this takes a list, and crashes.
    _tools.mnnquant(["mnnquant", str(folder / "model.mnn"), str(out), str(folder / "config.json")])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        quantize(Path(sys.argv[1]), Calibration.read(sys.argv[2]), Path(sys.argv[3]), Path(name))
