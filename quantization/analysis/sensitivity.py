"""Accuracy lost by each operation when only that one is quantized."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...evaluation.datasets import Dataset
from ...evaluation.metrics import Confusion
from ...runtime.images import resize_image
from ...runtime.mask.plan import MaskPlan
from ..calibration.statistics import Progress, silent
from ..graph.graph import Add, Concat, Conv, Graph, Op, Pool, Resize
from .single_op import float_values, is_rounded, logits_with_one_quantized


@dataclass(frozen=True)
class Sensitivity:
    """Change of the logits when only one operation has int8 weights and an int8 output.

    Attributes:
        name: the operation's output.
        kind: "conv", "depthwise", "add", "pool", "resize" or "concat".
        sqnr: signal-to-quantization-noise ratio of the logits, dB; infinite where nothing changed.
        agreement: share of grid points whose winning class is the float graph's, 0..1.
        miou_lost: mIoU of the float graph minus mIoU with this operation quantized, in points; None where not measured.
    """

    name: str
    kind: str
    sqnr: float
    agreement: float
    miou_lost: float | None = None


def measure_sensitivity(
    graph: Graph,
    quantized: Graph,
    images: Sequence[np.ndarray],
    labeled: Dataset | None = None,
    *,
    progress: Progress = silent,
) -> list[Sensitivity]:
    """Sensitivity of every operation that rounds, worst first: by mIoU lost if ``labeled`` is given, else by SQNR.

    Args:
        graph: the float graph that ``quantized`` is the int8 form of.
        images: uint8 [H, W, 3] of the graph's size, for SQNR and agreement.
        labeled: images of any size with their truth, for the mIoU.
    """
    chosen = [index for index, op in enumerate(graph.ops) if is_rounded(op)]
    signal, noise = 0.0, np.zeros(len(chosen))
    same, points = np.zeros(len(chosen)), 0
    for number, image in enumerate(images):
        values = float_values(graph, image)
        exact = values[graph.output]
        signal += float((exact.astype(np.float64) ** 2).sum())
        points += exact.shape[1] * exact.shape[2]
        for k, index in enumerate(chosen):
            rough = logits_with_one_quantized(graph, quantized, index, values)
            noise[k] += ((rough.astype(np.float64) - exact) ** 2).sum()
            same[k] += (rough.argmax(-1) == exact.argmax(-1)).sum()
        progress("SQNR", number + 1, len(images))
    lost: list[float | None] = [None] * len(chosen)
    if labeled is not None:
        lost[:] = _miou_lost(graph, quantized, chosen, labeled, progress)
    rows = [
        Sensitivity(
            graph.ops[index].output,
            kind_of(graph.ops[index]),
            decibel(signal, noise[k]),
            float(same[k] / points),
            lost[k],
        )
        for k, index in enumerate(chosen)
    ]
    return sorted(rows, key=lambda row: (-(row.miou_lost or 0.0), row.sqnr))


def _miou_lost(
    graph: Graph, quantized: Graph, chosen: Sequence[int], labeled: Dataset, progress: Progress
) -> list[float]:
    """mIoU lost by each operation, in points, in the order of ``chosen``."""
    classes = graph.tensors[graph.output].shape[-1]
    exact, rough = Confusion(classes), [Confusion(classes) for _ in chosen]
    _, height, width, _ = graph.tensors[graph.input].shape
    _, rows, columns, _ = graph.tensors[graph.output].shape
    corners = any(op.align_corners for op in graph.ops if isinstance(op, Resize))
    for number in range(len(labeled)):
        image, truth = labeled.pair(number)
        values = float_values(graph, resize_image(image, height, width))
        plan = MaskPlan((rows, columns), (truth.shape[0], truth.shape[1]), corners)
        exact.add(truth, plan.run(values[graph.output][0]))
        for confusion, index in zip(rough, chosen, strict=True):
            confusion.add(truth, plan.run(logits_with_one_quantized(graph, quantized, index, values)[0]))
        progress("mIoU", number + 1, len(labeled))
    best = exact.scores().miou
    return [100 * (best - confusion.scores().miou) for confusion in rough]


def kind_of(op: Op) -> str:
    if isinstance(op, Conv):
        return "depthwise" if op.depthwise else "conv"
    return {Add: "add", Pool: "pool", Concat: "concat"}.get(type(op), "resize")


def decibel(signal: float, noise: float) -> float:
    return float("inf") if noise == 0 else 10 * float(np.log10(signal / noise)) if signal else float("-inf")


def sensitivity_table(rows: Sequence[Sensitivity]) -> str:
    """Text table, one operation a line."""
    width = max(len("operation"), *(len(row.name) for row in rows))
    with_miou = any(row.miou_lost is not None for row in rows)
    head = f"{'operation':<{width}}  {'kind':<9}  {'SQNR dB':>7}  {'agree %':>7}"
    lines = [head + ("  mIoU lost" if with_miou else "")]
    for row in rows:
        line = f"{row.name:<{width}}  {row.kind:<9}  {row.sqnr:7.1f}  {100 * row.agreement:7.2f}"
        lines.append(line + ("" if row.miou_lost is None else f"  {row.miou_lost:+9.2f}"))
    return "\n".join(lines)
