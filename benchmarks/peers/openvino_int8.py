"""NNCF post-training quantization as its guide has it: argv model.onnx calibration.npy mean/std-JSON out.xml.

Calibration pictures are uint8 [N, H, W, 3]; the model takes normalized float32 [1, 3, H, W].
"""

import json
import logging
import sys

import nncf
import numpy as np
import openvino as ov

logging.getLogger("nncf").setLevel(logging.ERROR)
source, pictures, facts, out = sys.argv[1:]
mean, std = (np.array(v, np.float32) for v in json.loads(facts))


def prepare(picture: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(((picture - mean) / std).transpose(2, 0, 1)[None])


dataset = nncf.Dataset(list(np.load(pictures)), prepare)
ov.save_model(nncf.quantize(ov.Core().read_model(source), dataset), out)
