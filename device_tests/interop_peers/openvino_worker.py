"""OpenVINO: argv model.onnx input.npy output.npy; output is float32 [N, C, H, W]. Float stays float32 on every CPU."""

import sys

import numpy as np
import openvino

model, source, target = sys.argv[1:]
compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
pictures = np.load(source)
np.save(target, np.concatenate([compiled(pictures[i : i + 1])[0] for i in range(len(pictures))]))
