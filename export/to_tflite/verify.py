"""Verification of a written .tflite, run by the real interpreter, against the graph it was written from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from ...errors import OutputError
from ...quantization.graph.arithmetic import dequantize
from ...quantization.graph.evaluator import run
from ...quantization.graph.graph import Graph
from ...quantization.graph.mixed_precision import description
from ..difference import Difference, difference, sqnr
from .interpreter import run_interpreter
from .layerwise import FLOAT_STEPS, check_operations, float_tensors

_NAMES = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}


@dataclass(frozen=True)
class Verification:
    """Findings about the written file.

    Attributes:
        operators: TFLite operator name -> count.
        float_operators: names of operators with float activations.
        reference: logits of the reference kernels compared with the graph's evaluator; None for a float graph. With
            float layers each operation was compared as well (:mod:`.layerwise`), and had to agree.
        engine: logits of the default kernels compared with the evaluator.
        agreement_with_float: share of grid points where the default kernels keep the float graph's class, 0..1.
        sqnr: signal-to-quantization-noise ratio of the default kernels' logits against the float graph's, dB.
        size: that of the file in bytes.
        images: number of images compared.
        layers: the layers of a quantized graph that are not int8, in words; empty if all are.
    """

    operators: dict[str, int]
    float_operators: tuple[str, ...]
    reference: Difference | None
    engine: Difference
    agreement_with_float: float
    sqnr: float
    size: int
    images: int
    layers: str = ""


def verify(path: Path, graph: Graph, float_graph: Graph, images: Sequence[np.ndarray]) -> Verification:
    """Load ``path`` and compare its logits with both graphs' on ``images`` (uint8, the graph's size).

    The reference kernels must equal an int8 graph bit for bit, and where layers of it were kept in float
    :func:`.layerwise.check_operations` must pass; they are slow, so one image is checked.

    Raises:
        OutputError: the interpreter refuses the file, an int8 file has float operators that its graph has
            not, or the reference kernels disagree with the graph.
    """
    operators, float_operators = list_operators(path)
    default = [logits(path, graph, p) for p in images]
    expected = [run(graph, p) for p in images]
    real = [run(float_graph, p) for p in images] if graph.is_quantized else expected
    reference = None
    if graph.is_quantized:
        reference = difference(expected[:1], [logits(path, graph, images[0], reference=True)])
        wanted = float_tensors(graph)
        if wanted:
            check_operations(path, graph, images[0])
        elif reference.largest > 0:
            raise OutputError(
                f"the reference kernels differ from the quantized graph by up to {reference.largest:g} steps; "
                "this interpreter rounds differently from the documented arithmetic"
            )
        if strays := list_operators(path, wanted)[1]:
            raise OutputError(f"the int8 file has float operators: {', '.join(strays)}")
    file_real = [real_logits(graph, value) for value in default]
    return Verification(
        operators,
        float_operators,
        reference,
        difference(expected, default),
        difference(real, file_real).agreement,
        sqnr(real, file_real),
        path.stat().st_size,
        len(images),
        description(graph),
    )


def logits(path: Path, graph: Graph, image: np.ndarray, *, reference: bool = False) -> np.ndarray:
    """Logits [1, h, w, C] of a fresh interpreter.

    Raises:
        OutputError: the interpreter refuses the file.
    """
    interpreter = run_interpreter(path, graph, image, reference=reference)
    result: np.ndarray = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    return result


def list_operators(path: Path, wanted: Collection[str] = ()) -> tuple[dict[str, int], tuple[str, ...]]:
    """Counts of operators by name, and the names of those with a float tensor that is not among ``wanted``."""
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    subgraph = model.subgraphs[0]
    counts: Counter[str] = Counter()
    floats = []
    for operator in subgraph.operators:
        name = _NAMES[model.operatorCodes[operator.opcodeIndex].builtinCode]
        counts[name] += 1
        tensors = [subgraph.tensors[i] for i in (*operator.inputs, *operator.outputs)]
        if any(t.type == schema.TensorType.FLOAT32 and t.name.decode() not in wanted for t in tensors):
            floats.append(name)
    return dict(counts.most_common()), tuple(sorted(set(floats)))


def describe_tflite(verification: Verification) -> str:
    """The verification in a few lines for the user."""
    v = verification
    plural = "" if v.images == 1 else "s"
    lines = [f"operators   {sum(v.operators.values())}: " + ", ".join(f"{n} {k}" for k, n in v.operators.items())]
    if v.layers:
        lines.append(f"not int8    {v.layers}")
    if v.reference is not None:
        lines.append(
            "reference   kernels equal the quantized graph bit for bit (1 picture)"
            if v.reference.largest == 0
            else "reference   kernels equal each integer operation bit for bit, float layers within "
            f"{FLOAT_STEPS} step; {100 * v.reference.share:.1f} % of logits differ, by at most "
            f"{v.reference.largest:g} steps (1 picture)"
        )
        lines.append(
            f"engine      {100 * v.engine.share:.1f} % of logits differ from the graph, by at most "
            f"{v.engine.largest:g} steps; same class at {100 * v.engine.agreement:.2f} % of grid points"
        )
    else:
        lines.append(
            f"engine      differs from the graph by at most {v.engine.largest:.1e} of the largest logit; "
            f"same class at {100 * v.engine.agreement:.2f} % of grid points"
        )
    lines.append(
        f"float       same class at {100 * v.agreement_with_float:.2f} % of grid points, "
        f"SQNR {v.sqnr:.1f} dB ({v.images} picture{plural})"
    )
    lines.append(f"size        {v.size / 1e6:.2f} MB")
    return "\n".join(lines)


def real_logits(graph: Graph, value: np.ndarray) -> np.ndarray:
    """Logits in real units."""
    quantization = graph.tensors[graph.output].quantization
    if quantization is None:
        return value
    return dequantize(value, quantization.scale[0], quantization.zero_point)
