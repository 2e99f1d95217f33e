"""ONNX Runtime, CPU: argv model.onnx input.npy output.npy; output is float32 [N, C, H, W]."""

import sys

import numpy as np
import onnxruntime

model, source, target = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
pictures = np.load(source)
name = session.get_inputs()[0].name
np.save(target, np.concatenate([session.run(None, {name: pictures[i : i + 1]})[0] for i in range(len(pictures))]))
