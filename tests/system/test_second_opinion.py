"""TensorFlow's own interpreter on the same file: extra ``[tensorflow]``, skipped without it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fastscnn_edge.export.to_tflite.writer import write_tflite
from fastscnn_edge.quantization.calibration.ranges import observe_ranges
from fastscnn_edge.quantization.graph.evaluator import input_values, run
from fastscnn_edge.quantization.graph.lower import lower
from fastscnn_edge.quantization.ptq.ptq import quantize_graph
from fastscnn_edge.spec import IMAGENET
from tests.helpers import random_image, random_model


def test_tensorflow_reference_kernels_equal_the_integer_evaluator(tmp_path: Path) -> None:
    tensorflow = pytest.importorskip("tensorflow", reason="pip install '.[tensorflow]' for a second opinion")
    graph = lower(random_model("mmseg", 6), IMAGENET, 96, 128)
    quantized = quantize_graph(graph, observe_ranges(graph, [random_image(96, 128)]))
    path, image = tmp_path / "model.tflite", random_image(96, 128, 1)
    path.write_bytes(write_tflite(quantized, "test"))
    kernels = tensorflow.lite.experimental.OpResolverType.BUILTIN_REF
    interpreter = tensorflow.lite.Interpreter(str(path), experimental_op_resolver_type=kernels)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], input_values(quantized, image))
    interpreter.invoke()
    logits = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_array_equal(logits, run(quantized, image))
