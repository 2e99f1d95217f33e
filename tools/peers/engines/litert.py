"""LiteRT (TensorFlow Lite) with everything in the graph: an int8 or float image in, a class map out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .common import FrameFormat, Segment


def load(model: Path, threads: int, frame_format: FrameFormat) -> Segment:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(model), num_threads=threads)
    interpreter.allocate_tensors()
    image, classes = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    scale, zero_point = image["quantization"]
    mean, std = np.array(frame_format.mean, np.float32), np.array(frame_format.std, np.float32)
    levels = np.arange(256, dtype=np.float32)[:, None]
    # A level has one quantized value per color, so quantizing a frame is looking up.
    ready = image["dtype"] != np.int8
    table = levels if ready else np.clip(np.rint((levels - mean) / std / scale) + zero_point, -128, 127)
    colors = [np.ascontiguousarray(column) for column in table.astype(np.int8).T]
    plain = not ready and _is_shift(scale, zero_point)

    def segment(frame: np.ndarray) -> np.ndarray:
        memory = interpreter.tensor(image["index"])()
        if plain:
            np.bitwise_xor(frame, np.uint8(0x80), out=memory[0].view(np.uint8))
        elif ready:
            np.subtract(frame, mean, out=memory[0])
            np.divide(memory[0], std, out=memory[0])
        else:
            for channel, color in enumerate(colors):
                memory[0, ..., channel] = np.take(color, frame[..., channel])
        del memory  # the interpreter may move it
        interpreter.invoke()
        result: np.ndarray = interpreter.get_tensor(classes["index"]).reshape(frame.shape[:2])
        return result.astype(np.uint8)

    return segment


def _is_shift(scale: float, zero_point: int) -> bool:
    """Whether the model takes ``pixel - 128``, with the normalization in its first layer."""
    return scale == 1.0 and zero_point in (0, -128)
