"""ncnn by way of pnnx: argv model.onnx input.npy output.npy; output is float32 [N, C, H, W].

pnnx's Python module wants PyTorch, the converter beside it does not. It halves weights unless told otherwise.
"""

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import ncnn
import numpy as np

model, source, target = sys.argv[1:]
spec = importlib.util.find_spec("pnnx")
converter = Path(spec.submodule_search_locations[0]) / "pnnx"
with tempfile.TemporaryDirectory() as folder:
    shutil.copy(model, f"{folder}/m.onnx")
    subprocess.run([converter, "m.onnx", "fp16=0"], cwd=folder, check=True)
    net = ncnn.Net()
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_storage = False
    net.load_param(f"{folder}/m.ncnn.param")
    net.load_model(f"{folder}/m.ncnn.bin")
    outputs = []
    for picture in np.load(source):
        image = ncnn.Mat(np.ascontiguousarray(picture)).clone()  # must outlive the extractor
        extractor = net.create_extractor()
        extractor.input("in0", image)
        _, logits = extractor.extract("out0")
        outputs.append(np.array(logits).copy())
        del extractor
    np.save(target, np.stack(outputs))
