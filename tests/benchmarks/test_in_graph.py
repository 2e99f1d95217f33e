"""The end of a graph: resize and argmax in integers."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.in_graph import head_only
from fastscnn_edge.runtime.mask.plan import class_map


@pytest.mark.parametrize("align_corners", [False, True])
def test_the_end_of_a_graph_is_a_resize_and_an_argmax(align_corners: bool) -> None:
    """As good as integers on the way allow: where the best two classes are more than a step apart."""
    interpreter_module = pytest.importorskip("ai_edge_litert.interpreter")
    logits = np.random.default_rng(0).integers(-128, 128, (6, 8, 5)).astype(np.int8)
    interpreter = interpreter_module.Interpreter(model_content=head_only((6, 8), (48, 64), 5, align_corners))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], logits[None])
    interpreter.invoke()
    classes = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]
    assert np.mean(classes == class_map(logits, (48, 64), align_corners)) > 0.97
