"""TensorRT's rules for explicitly quantized (Q/DQ) INT8 models, as functions over an ONNX graph.

Sources, named in the rules by their first words:
    Placement    TensorRT documentation, "Explicit Quantization", section "Q/DQ Layer-Placement Recommendations"
    Propagation  the same page, section "Q/DQ Propagation"
    Parser       onnx-tensorrt, onnxOpImporters.cpp, QuantDequantLinearHelper, and docs/operators.md
    Toolkit      TensorRT's TensorFlow quantization toolkit, "Add Custom QDQ Insertion Case"

An error is what TensorRT rejects, computes differently, or takes out of INT8; a warning costs accuracy or speed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, TensorProto

from . import qdq
from .index import Node, array, constant, index_model, is_constant, producer, readers
from .index import is_output as leaves_graph
from .qdq import DEQUANTIZE, QUANTIZE, WEIGHTED

ERROR, WARNING = "error", "warning"

Problem = tuple[str, str]  # severity, sentence
Rule = Callable[[Node], Iterator[Problem]]

_AVERAGES = frozenset({"AveragePool", "GlobalAveragePool", "ReduceMean"})
_Q_OPERATORS = frozenset({"ConvInteger", "MatMulInteger", "DynamicQuantizeLinear", "QGemm", "QAttention"})
_CONTROL = ("If", "Loop", "Scan")
# Quantized types of TensorRT other than INT8; these rules do not cover them.
_OTHER_TYPES = frozenset({TensorProto.FLOAT8E4M3FN, TensorProto.INT4, TensorProto.FLOAT4E2M1})


@dataclass(frozen=True)
class Finding:
    """One place where the model breaks a rule."""

    rule: str
    severity: str
    node: str
    message: str


@dataclass(frozen=True)
class LintReport:
    """Findings and counts of one model.

    Attributes:
        weighted: number of Conv, ConvTranspose, Gemm and MatMul.
        quantized: number of those with both data and weights dequantized, which run in INT8.
        has_quantization: whether there is any Q, DQ or quantized operator at all.
    """

    findings: tuple[Finding, ...]
    weighted: int
    quantized: int
    has_quantization: bool

    def count(self, severity: str) -> int:
        return sum(finding.severity == severity for finding in self.findings)


def lint(model: ModelProto) -> LintReport:
    """Check every node, in subgraphs too, against every rule; findings in the file's order."""
    nodes = index_model(model)
    findings = tuple(
        Finding(name, severity, node.label, message)
        for node in nodes
        for name, rule in RULES.items()
        for severity, message in rule(node)
    )
    weighted = [node for node in nodes if node.op in WEIGHTED]
    return LintReport(
        findings,
        len(weighted),
        sum(qdq.is_quantized(node) for node in weighted),
        any(node.op in (QUANTIZE, DEQUANTIZE) or _is_q_operator(node) for node in nodes),
    )


def zero_point(node: Node) -> Iterator[Problem]:
    """Zero points are 0 and int8 (Parser)."""
    kind = qdq.quantized_type(node) if _reports_for_pair(node, 2) else TensorProto.INT32
    if kind == TensorProto.INT32 or kind in _OTHER_TYPES:
        return
    if not node.input(2) and node.op == QUANTIZE and kind == TensorProto.UINT8:
        yield ERROR, "no zero point means uint8 to ONNX but int8 to TensorRT; give it a zero point, 0 of type int8"
    elif kind == TensorProto.UINT8:
        yield ERROR, "quantizes to uint8, which TensorRT reads as int8 or rejects; quantize to int8"
    elif kind not in (TensorProto.INT8, TensorProto.UNDEFINED):
        name = TensorProto.DataType.Name(kind).lower()
        yield ERROR, f"quantizes to {name}, which TensorRT does not support; quantize to int8"
    stored = constant(node, 2)
    if node.input(2) and stored is None:
        yield ERROR, "the zero point is computed at run time; store it as a constant 0 of type int8"
    values = array(stored)
    if values is not None and np.any(values):
        yield ERROR, f"zero point {_span(values)}, but TensorRT is symmetric only; calibrate with zero points at 0"


def positive_scale(node: Node) -> Iterator[Problem]:
    """Scales are positive and finite (Parser: "Scale coefficients must all be positive")."""
    values = qdq.scale(node) if _reports_for_pair(node, 1) else None
    if values is not None and not np.all((values > 0) & np.isfinite(values)):
        yield ERROR, "a scale is zero, negative or not finite; give dead channels a small positive scale"


def weight_axis(node: Node) -> Iterator[Problem]:
    """Weights have a scale per output channel (Placement: per-channel for weights)."""
    pair = qdq.weight_pair(node) if node.op in WEIGHTED and is_constant(node, 1) else []
    for part in pair:
        values = qdq.scale(part)
        shape = qdq.stored_shape(part)
        if values is None or shape is None or qdq.quantized_type(part) in _OTHER_TYPES:
            continue
        want = _channel_axis(node, len(shape)) if producer(node, 1) is pair[0] else None
        if values.size == 1:
            if want is None or shape[want] > 1:
                yield WARNING, "one scale for the whole weight costs accuracy; quantize weights per channel"
                return
            continue
        axis = part.attribute("axis", 1) % max(len(shape), 1)
        if want is not None and axis != want:
            yield (
                ERROR,
                f"weight scales lie along axis {axis}, the output channels of {node.op} along axis {want}; "
                f"quantize along axis {want}",
            )
            return
        if values.size != shape[axis]:
            yield ERROR, f"{values.size} weight scales for {shape[axis]} channels; give one a channel"
            return


def activation_scale(node: Node) -> Iterator[Problem]:
    """Activations have one scale (Placement: per-tensor for activations)."""
    if _reports_for_pair(node, 1) and not is_constant(node, 0):
        values = qdq.scale(node)
        if values is not None and values.size > 1:
            yield ERROR, f"{values.size} scales for an activation; TensorRT wants one for the whole tensor"


def weighted_inputs(node: Node) -> Iterator[Problem]:
    """Data and weights are both dequantized or neither is (Placement: all inputs of weighted operations)."""
    if node.op not in WEIGHTED:
        return
    data, weight = (qdq.is_dequantized(node, i) for i in (0, 1))
    if data == weight:
        return
    pair = qdq.dequantizer(node, 1) if weight else None
    if pair is not None and qdq.quantized_type(pair) in _OTHER_TYPES:
        return  # weight-only quantization
    given, missing = ("data", "weights") if data else ("weights", "data")
    yield ERROR, f"the {given} are dequantized but the {missing} are not, so it runs in float; add Q/DQ there"


def residual_add(node: Node) -> Iterator[Problem]:
    """The residual input of an addition is dequantized (Placement: the residual input in skip connections).

    The other input is dequantized too, or comes straight from a quantized convolution, with which TensorRT then
    fuses the addition. Without a quantized residual that fused convolution writes float.
    """
    if not _adds_activations(node):
        return
    dequantized = [qdq.is_dequantized(node, i) for i in (0, 1)]
    fusable = [qdq.fusable(qdq.weighted_chain(node, i)) for i in (0, 1)]
    if all(dequantized):
        return
    if not any(dequantized):
        if any(fusable):
            yield (
                ERROR,
                "adds to a quantized convolution in float, so that convolution writes float; "
                "put Q/DQ on the residual input",
            )
    elif not fusable[dequantized.index(False)]:
        name = node.input(dequantized.index(False))
        yield ERROR, f"one input is dequantized, {name} is not; put Q/DQ on {name} too"


def conv_add(node: Node) -> Iterator[Problem]:
    """No Q/DQ between a convolution and the residual addition it ends in (Toolkit; Placement).

    Toolkit: quantizing all inputs of an Add "still does not enable optimal layer fusions"; Q/DQ belong in the
    residual connection only, not between Add and Conv. Placement: by default the outputs of weighted operations
    stay unquantized. A pair that others read as well is the residual of a later addition and has to stay.
    """
    if not _adds_activations(node) or not all(qdq.is_dequantized(node, i) for i in (0, 1)):
        return
    for index in (0, 1):
        pair = qdq.own_pair(node, index)
        chain = qdq.weighted_chain(pair[1], 0) if pair else []
        if qdq.fusable(chain):
            yield (
                WARNING,
                f"Q/DQ between {chain[-1].label} and this addition keep TensorRT from fusing the two; "
                "leave that pair out, the other input's is enough",
            )
            return


def pool(node: Node) -> Iterator[Problem]:
    """DQ, pool, Q: averaging does not commute with rounding (Propagation), and "non-weighted layers with INT8
    inputs also require INT8 outputs" (Placement). A max pool commutes, so a missing half is a warning there."""
    if node.op not in _AVERAGES | {"MaxPool"}:
        return
    before, after = qdq.is_dequantized(node, 0), bool(qdq.quantizers_after(node))
    if before == after:
        return
    if node.op in _AVERAGES:
        yield ERROR, f"{_half(before)}; put Q/DQ on both sides, or {node.op} runs in float"
    else:
        yield WARNING, f"{_half(before)}; put Q/DQ on both sides, so that TensorRT need not move a pair across"


def concat(node: Node) -> Iterator[Problem]:
    """All inputs are dequantized, with one scale, shared by a Q after it; else TensorRT requantizes or uses float.

    Placement: layers that do not commute, and INT8 outputs for INT8 inputs. With one scale a Concat only copies.
    """
    if node.op != "Concat":
        return
    inputs = [i for i in range(len(node.proto.input)) if not is_constant(node, i) or qdq.dequantizer(node, i)]
    dequantized = [qdq.is_dequantized(node, i) for i in inputs]
    if not any(dequantized):
        return
    if not all(dequantized):
        name = node.input(inputs[dequantized.index(False)])
        yield ERROR, f"some inputs are dequantized, {name} is not, so all are concatenated in float; put Q/DQ on {name}"
        return
    pairs = [pair for i in inputs if (pair := qdq.dequantizer(node, i)) is not None]
    if not qdq.same_scales([*pairs, *qdq.quantizers_after(node)]):
        yield WARNING, "the scales of its inputs and output differ, so TensorRT requantizes; share one scale"


def resize(node: Node) -> Iterator[Problem]:
    """DQ, resize, Q, with one scale: interpolation stays within the range of its input (Placement, as for pools)."""
    if node.op not in ("Resize", "Upsample"):
        return
    pair, after = qdq.dequantizer(node, 0), qdq.quantizers_after(node)
    before = qdq.is_dequantized(node, 0)
    if before != bool(after):
        yield ERROR, f"{_half(before)}; put Q/DQ on both sides, or {node.op} runs in float"
    elif pair is not None and not qdq.same_scales([pair, *after]):
        yield WARNING, "the scales before and after it differ, yet the range cannot grow; use the input's for both"


def conv_relu(node: Node) -> Iterator[Problem]:
    """No Q/DQ between a convolution, or its addition, and ReLU (Placement: outputs of weighted operations stay
    unquantized, and ReLU is fused by TensorRT)."""
    if node.op not in ("Relu", "Clip"):
        return
    pair = producer(node, 0)
    quantizer = producer(pair, 0) if pair is not None and pair.op == DEQUANTIZE else None
    before = producer(quantizer, 0) if quantizer is not None and quantizer.op == QUANTIZE else None
    if before is not None and before.op in WEIGHTED | {"Add", "BatchNormalization"}:
        yield (
            ERROR,
            f"Q/DQ between {before.label} and {node.op} keep TensorRT from fusing the two; "
            f"move the pair after {node.op}",
        )


def bias(node: Node) -> Iterator[Problem]:
    """No int32 through DequantizeLinear: the parser says "only activation types allowed as input to this layer"
    (onnx-tensorrt issue 850, TensorRT issue 3360)."""
    if node.op == DEQUANTIZE and qdq.quantized_type(node) == TensorProto.INT32:
        users = ", ".join(reader.label for reader in readers(node)) or "nothing"
        yield ERROR, f"dequantizes an int32 bias (of {users}), which TensorRT rejects; store the bias as plain float"


def dangling(node: Node) -> Iterator[Problem]:
    """Q and DQ come in pairs; a DQ may also read an int8 constant or graph input, a Q may also be a graph output."""
    if node.op == QUANTIZE:
        ends = qdq.ends(node)
        if not ends and not leaves_graph(node):
            yield ERROR, "nothing reads it; remove it or put a DequantizeLinear after it"
        for end in ends:
            if end.op != DEQUANTIZE and not _is_q_operator(end):
                yield ERROR, f"{end.label} reads it without a DequantizeLinear between; add one"
        before = producer(node, 0)
        if before is not None and before.op == DEQUANTIZE and not qdq.same_scales([before, node]):
            yield WARNING, "two pairs of different scales in a row round twice; keep one"
    elif node.op == DEQUANTIZE and not is_constant(node, 0):
        source = qdq.integer_source(node)
        if source is not None and source.op not in (QUANTIZE, *_CONTROL) and not _is_q_operator(source):
            yield ERROR, f"reads {source.label}, which is no QuantizeLinear; add one"


def q_operator(node: Node) -> Iterator[Problem]:
    """Operators with quantization inside are not imported (docs/operators.md: QLinearConv "N"; onnx-tensorrt 560)."""
    if _is_q_operator(node):
        yield ERROR, f"TensorRT does not read {node.op}; quantize in QDQ format instead of QOperator"


RULES: dict[str, Rule] = {
    "zero-point": zero_point,
    "scale": positive_scale,
    "weight-axis": weight_axis,
    "activation-scale": activation_scale,
    "weighted-inputs": weighted_inputs,
    "residual-add": residual_add,
    "conv-add": conv_add,
    "pool": pool,
    "concat": concat,
    "resize": resize,
    "conv-relu": conv_relu,
    "bias": bias,
    "dangling": dangling,
    "q-operator": q_operator,
}


def _is_q_operator(node: Node) -> bool:
    return node.op.startswith("QLinear") or node.op in _Q_OPERATORS


def _span(values: np.ndarray) -> str:
    low, high = int(values.min()), int(values.max())
    return str(low) if low == high else f"{low} to {high}"


def _half(before: bool) -> str:
    return (
        "its input is dequantized but not all of its output is quantized"
        if before
        else "its output is quantized but its input is not dequantized"
    )


def _reports_for_pair(node: Node, index: int) -> bool:
    """True for a Q, and for a DQ that does not share input ``index`` with the Q before it: one finding a pair."""
    made_by = producer(node, 0) if node.op == DEQUANTIZE else None
    shares = made_by is not None and made_by.op == QUANTIZE and made_by.input(index) == node.input(index)
    return node.op in (QUANTIZE, DEQUANTIZE) and not shares


def _channel_axis(node: Node, rank: int) -> int:
    if node.op == "Conv":
        return 0
    if node.op == "ConvTranspose":
        return 1
    if node.op == "Gemm":
        return 0 if node.attribute("transB", 0) else 1
    return rank - 1


def _adds_activations(node: Node) -> bool:
    return node.op == "Add" and not any(is_constant(node, i) for i in (0, 1))
