"""MNN's offline quantization: argv model.onnx calibration.npy mean/std-JSON out.mnn, settings as its manual has them.

Calibration pictures are uint8 [N, H, W, 3]. Of its manual's methods for activations only EMA works on this graph: KL,
the default, and ADMM crash. EMA's batch is 1 because the pyramid is written for one picture.
"""

import json
import sys
import tempfile
from pathlib import Path

import _tools
import numpy as np
import onnx
from PIL import Image

source, pictures, facts, out = sys.argv[1:]
mean, std = json.loads(facts)


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


with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    onnx.save(keep_relu(onnx.load(source)), folder / "model.onnx")
    _tools.mnnconvert(
        [
            "mnnconvert",
            "-f",
            "ONNX",
            "--modelFile",
            str(folder / "model.onnx"),
            "--MNNModel",
            str(folder / "model.mnn"),
            "--bizCode",
            "x",
        ]
    )
    images = folder / "images"
    images.mkdir()
    frames = np.load(pictures)
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(images / f"{number}.png")
    config = {
        "format": "RGB",
        "mean": mean,
        "normal": [1 / s for s in std],
        "width": frames.shape[2],
        "height": frames.shape[1],
        "path": f"{images}/",
        "used_image_num": len(frames),
        "feature_quantize_method": "EMA",
        "weight_quantize_method": "MAX_ABS",
        "batch_size": 1,
    }
    (folder / "config.json").write_text(json.dumps(config))
    # The command mnnquant passes three words where this takes a list, and crashes.
    _tools.mnnquant(["mnnquant", str(folder / "model.mnn"), out, str(folder / "config.json")])
