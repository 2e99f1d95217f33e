"""Verification of a written file one operation at a time.

Float kernels add in an order of their own, so a file with float layers cannot equal the graph bit for bit, and one
step in an early layer may become several in the logits. Here every operation gets the integers the kernels
themselves computed before it: differences are seen where they arise and do not add up.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...errors import OutputError
from ...quantization.graph.evaluator import constants, run_op
from ...quantization.graph.graph import Conv, Graph
from .interpreter import run_interpreter

FLOAT_STEPS = 1
"""Steps by which integers made from float values may differ: near ties, rounding may go either way."""


def float_tensors(graph: Graph) -> set[str]:
    """Names of the tensors that are float32 in the file of ``graph``, a convolution's padded input among them."""
    names = {name for name, tensor in graph.tensors.items() if tensor.dtype == np.float32}
    return names | {f"{op.output}/padded" for op in graph.ops if isinstance(op, Conv) and op.output in names}


def check_operations(path: Path, graph: Graph, image: np.ndarray) -> None:
    """Compare every integer tensor that the reference kernels compute with the graph's evaluator.

    Integer operations must agree bit for bit, integers after float layers within :data:`FLOAT_STEPS`.

    Args:
        image: uint8 [H, W, 3] of the graph's size.

    Raises:
        OutputError: the interpreter refuses the file, or an operation differs by more.
    """
    interpreter = run_interpreter(path, graph, image, reference=True, keep_tensors=True)
    index = {detail["name"]: detail["index"] for detail in interpreter.get_tensor_details()}
    # Results of the evaluator that are not compared: float ones, and those the file has in another form (the border).
    own: dict[str, np.ndarray] = {}
    for op in graph.ops:
        values = constants(graph, op)
        for name in op.inputs:
            if name not in values:
                values[name] = own[name] if name in own else interpreter.get_tensor(index[name])
        result = run_op(graph, op, values)
        if result.dtype == np.float32 or op.output not in index:
            own[op.output] = result
            continue
        gap = int(np.abs(result.astype(np.int64) - interpreter.get_tensor(index[op.output])).max())
        if gap > (FLOAT_STEPS if any(values[name].dtype == np.float32 for name in op.inputs) else 0):
            raise OutputError(
                f"the reference kernels differ from the graph at '{op.output}' by up to {gap} steps; "
                "this interpreter rounds differently from the documented arithmetic"
            )
