"""TensorFlow Lite, for a file that onnx2tf made: argv model.tflite frames.npy logits.npy."""

from __future__ import annotations

import sys

import numpy as np


def logits(model: str, frames: np.ndarray) -> np.ndarray:
    """Logits of all ``frames``, turned to NHWC where the file takes it."""
    import tensorflow as tf

    interpreter = tf.lite.Interpreter(model)
    interpreter.allocate_tensors()
    image, output = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    outputs = []
    for frame in frames:
        if frame.shape != tuple(image["shape"][1:]):
            frame = frame.transpose(1, 2, 0)
        interpreter.set_tensor(image["index"], frame[None].astype(image["dtype"]))
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(output["index"]).transpose(0, 3, 1, 2).copy())
    return np.concatenate(outputs)


if __name__ == "__main__":
    np.save(sys.argv[3], logits(sys.argv[1], np.load(sys.argv[2])))
