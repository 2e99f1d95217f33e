"""MNN's offline quantization: argv model.mnn calibration.npy mean/std-JSON out.mnn, settings as its manual has them."""

import json
import sys
import tempfile
from pathlib import Path

import _tools
import numpy as np
from PIL import Image

source, pictures, facts, out = sys.argv[1:]
mean, std = json.loads(facts)
with tempfile.TemporaryDirectory() as folder:
    images = Path(folder) / "images"
    images.mkdir()
    frames = np.load(pictures)
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(images / f"{number}.png")
    config = {
        "format": "RGB", "mean": mean, "normal": [1 / s for s in std], "width": frames.shape[2],
        "height": frames.shape[1], "path": f"{images}/", "used_image_num": len(frames),
        "feature_quantize_method": "KL", "weight_quantize_method": "MAX_ABS",
    }
    (Path(folder) / "config.json").write_text(json.dumps(config))
    _tools.mnnquant(source, out, f"{folder}/config.json")
