"""MNN: argv model.onnx input.npy output.npy; output is float32 [N, C, H, W].

The command ``mnnconvert`` is not called: before it converts it runs ``pip install`` for its maker's logging package,
with whichever pip comes first on PATH. The extension module below it converts and does no such thing.
"""

import subprocess
import sys
import tempfile

import MNN.expr
import MNN.nn
import numpy as np

model, source, target = sys.argv[1:]
pictures = np.load(source)
dtype = MNN.expr.uint8 if pictures.dtype == np.uint8 else MNN.expr.float
outputs = []
with tempfile.TemporaryDirectory() as folder:
    convert = "import sys, _tools; _tools.mnnconvert(['mnnconvert', *sys.argv[1:]])"
    subprocess.run(
        [
            sys.executable,
            "-c",
            convert,
            "-f",
            "ONNX",
            "--modelFile",
            model,
            "--MNNModel",
            f"{folder}/m.mnn",
            "--bizCode",
            "x",
        ],
        check=True,
    )
    net = MNN.nn.load_module_from_file(f"{folder}/m.mnn", ["image"], ["logits"])
    for picture in pictures:
        # Said to be NCHW though frames are NHWC: that keeps MNN from reordering what the graph transposes itself.
        image = MNN.expr.const(picture, [1, *picture.shape], MNN.expr.NCHW, dtype)
        logits = MNN.expr.convert(net.forward(image), MNN.expr.NCHW)
        outputs.append(np.array(logits.read()).reshape(logits.shape).copy())
    np.save(target, np.concatenate(outputs))
