"""MNN: argv model.onnx input.npy output.npy; output is float32 [N, C, H, W]."""

import subprocess
import sys
import tempfile
from pathlib import Path

import MNN.expr
import MNN.nn
import numpy as np

model, source, target = sys.argv[1:]
pictures = np.load(source)
dtype = MNN.expr.uint8 if pictures.dtype == np.uint8 else MNN.expr.float
outputs = []
with tempfile.TemporaryDirectory() as folder:
    converter = Path(sys.executable).parent / "mnnconvert"
    subprocess.run([converter, "-f", "ONNX", "--modelFile", model, "--MNNModel", f"{folder}/m.mnn", "--bizCode", "x"],
                   check=True)
    net = MNN.nn.load_module_from_file(f"{folder}/m.mnn", ["image"], ["logits"])
    for picture in pictures:
        # Said to be NCHW though frames are NHWC: that keeps MNN from reordering what the graph transposes itself.
        image = MNN.expr.const(picture, [1, *picture.shape], MNN.expr.NCHW, dtype)
        logits = MNN.expr.convert(net.forward(image), MNN.expr.NCHW)
        outputs.append(np.array(logits.read()).reshape(logits.shape).copy())
    np.save(target, np.concatenate(outputs))
