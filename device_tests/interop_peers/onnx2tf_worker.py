"""onnx2tf and TensorFlow Lite: argv model.onnx input.npy output.npy; output is float32 [N, C, H, W].

onnx2tf fetches a sample picture set from the internet at start, for its own comparison; it is not needed here and
not fetched. Its file takes NHWC, whatever the ONNX takes.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx2tf.onnx2tf as converter
import tensorflow as tf

converter.download_test_image_data = lambda: np.zeros((20, 128, 128, 3), np.float32)
model, source, target = sys.argv[1:]
pictures = np.load(source)
with tempfile.TemporaryDirectory() as folder:
    converter.convert(input_onnx_file_path=model, output_folder_path=folder, non_verbose=True)
    interpreter = tf.lite.Interpreter(str(next(Path(folder).glob("*_float32.tflite"))))
    interpreter.allocate_tensors()
    image, logits = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    outputs = []
    for picture in pictures:
        if picture.shape != tuple(image["shape"][1:]):
            picture = picture.transpose(1, 2, 0)
        interpreter.set_tensor(image["index"], picture[None].astype(image["dtype"]))
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(logits["index"]).transpose(0, 3, 1, 2).copy())
    np.save(target, np.concatenate(outputs))
