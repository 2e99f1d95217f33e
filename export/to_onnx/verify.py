"""Verification of a written .onnx, run by ONNX Runtime on the CPU, against the graph it was written from."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from ...errors import OutputError
from ...native_stderr import captured_stderr
from ...quantization.graph.evaluator import run
from ...quantization.graph.graph import Graph
from ...runtime.engines.ort_library import onnxruntime
from ...runtime.mask.plan import class_map
from ...spec import Normalization
from ..difference import Difference, difference, sqnr
from ..prepare import Prepared
from .options import ARGMAX, LOGITS, NORMALIZED, ORT_ARM64, TENSORRT, UINT8, OnnxOptions

INTEGER_CONV, FLOAT_CONVS = "QLinearConv", ("Conv", "FusedConv", "NhwcFusedConv")


@dataclass(frozen=True)
class OnnxVerification:
    """Findings about the written file.

    Attributes:
        operators: ONNX operator -> count, as written.
        convolutions: number in an int8 file.
        integer_convolutions: number of those that ONNX Runtime runs in integers here.
        for_cpu: whether the file was written for ONNX Runtime's own kernels; TensorRT needs another form of ReLU.
        engine: logits compared with the graph's evaluator; None for heads other than logits.
        agreement_with_float: share of grid points (other heads: pixels) that keep the float graph's class, 0..1.
        sqnr: signal-to-quantization-noise ratio of the logits against the float graph's, dB; None for other heads.
    """

    operators: dict[str, int]
    integer_convolutions: int | None
    convolutions: int
    for_cpu: bool
    engine: Difference | None
    agreement_with_float: float
    sqnr: float | None
    size: int
    images: int


def verify_onnx(path: Path, prepared: Prepared, options: OnnxOptions, limit: int) -> OnnxVerification:
    """Load ``path`` and compare its output with both graphs' outputs on at most ``limit`` of the images.

    Raises:
        OutputError: ONNX Runtime refuses the file.
    """
    images = prepared.images[:limit]
    session, optimized = open_session(path, options)
    outputs = [session.run(None, {"image": image(p, options, prepared.normalization)})[0] for p in images]
    written = Counter(node.op_type for node in onnx.load(path).graph.node)
    kernels = Counter(node.op_type for node in optimized.graph.node)
    integer = kernels[INTEGER_CONV] if prepared.graph.is_quantized else None
    real = [run(prepared.float_graph, p) for p in images]
    engine = ratio = None
    if options.head == LOGITS:
        values = [output.transpose(0, 2, 3, 1) for output in outputs]
        expected = [run(prepared.graph, p) for p in images] if prepared.graph.is_quantized else real
        engine = difference(expected, [integers(prepared.graph, v) for v in values])
        agreement, ratio = difference(real, values).agreement, sqnr(real, values)
    else:
        agreement = _pixel_agreement(prepared, real, outputs, options)
    return OnnxVerification(
        dict(written.most_common()),
        integer,
        sum(kernels[op] for op in (INTEGER_CONV, *FLOAT_CONVS)),
        options.target != TENSORRT,
        engine,
        agreement,
        ratio,
        path.stat().st_size,
        len(images),
    )


def open_session(path: Path, options: OnnxOptions) -> tuple[Any, onnx.ModelProto]:
    """A session on the CPU, and the graph that ONNX Runtime made of the file."""
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    if options.target == ORT_ARM64:
        # ARM's default: signed activations in integer kernels.
        settings.add_session_config_entry("session.qdqisint8allowed", "1")
    with tempfile.TemporaryDirectory() as folder:
        settings.optimized_model_filepath = f"{folder}/optimized.onnx"
        try:
            with captured_stderr():
                session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's exceptions share no base class of their own
            raise OutputError(f"ONNX Runtime refuses the written file: {str(error).splitlines()[0]}") from error
        return session, onnx.load(settings.optimized_model_filepath)


def image(image: np.ndarray, options: OnnxOptions, normalization: Normalization) -> np.ndarray:
    """``image`` (uint8 [H, W, 3]) as the file takes it, batch 1."""
    if options.input == UINT8:
        return image[None]
    pixels = image[None].astype(np.float32)
    if options.input == NORMALIZED:
        mean, std = (np.array(v, np.float32) for v in (normalization.mean, normalization.std))
        pixels = np.asarray((pixels - mean) / std)
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))


def integers(graph: Graph, logits: np.ndarray) -> np.ndarray:
    """Real logits of an int8 graph as the integers they stand for; others unchanged."""
    quantization = graph.tensors[graph.output].quantization
    if quantization is None:
        return logits
    result: np.ndarray = (np.rint(logits / quantization.scale[0]) + quantization.zero_point).astype(np.int8)
    return result


def _pixel_agreement(
    prepared: Prepared, real: Sequence[np.ndarray], outputs: Sequence[np.ndarray], options: OnnxOptions
) -> float:
    expected = [class_map(value[0], prepared.size, prepared.align_corners) for value in real]
    actual = [output[0] if options.head == ARGMAX else output[0].argmax(0) for output in outputs]
    return float(np.mean([(a == b).mean() for a, b in zip(expected, actual, strict=True)]))


def describe_onnx(verification: OnnxVerification) -> str:
    """The verification in a few lines for the user."""
    v = verification
    plural = "" if v.images == 1 else "s"
    lines = [f"operators   {sum(v.operators.values())}: " + ", ".join(f"{n} {k}" for k, n in v.operators.items())]
    if v.integer_convolutions is not None and v.for_cpu:
        lines.append(
            f"kernels     {v.integer_convolutions} of {v.convolutions} convolutions run in integers (ONNX Runtime, CPU)"
        )
    where = "pixels" if v.engine is None else "grid points"
    if v.engine is not None:
        unit = (
            f"{100 * v.engine.share:.1f} % of logits differ from the graph, by at most {v.engine.largest:g} steps"
            if v.integer_convolutions is not None
            else f"differs from the graph by at most {v.engine.largest:.1e} of the largest logit"
        )
        lines.append(f"engine      {unit}; same class at {100 * v.engine.agreement:.2f} % of grid points")
    noise = "" if v.sqnr is None else f", SQNR {v.sqnr:.1f} dB"
    lines.append(
        f"float       same class at {100 * v.agreement_with_float:.2f} % of {where}{noise} ({v.images} picture{plural})"
    )
    lines.append(f"size        {v.size / 1e6:.2f} MB")
    return "\n".join(lines)
