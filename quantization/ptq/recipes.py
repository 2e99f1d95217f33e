"""Post-training quantization from float graph and images to int8 graph, as named recipes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from ...errors import UsageError
from ..calibration.calibration_images import spread
from ..calibration.ranges import choose_ranges
from ..calibration.scheme import AFFINE, Scheme
from ..calibration.statistics import Progress, collect
from ..graph.graph import Graph
from .bias_correction import correct_bias
from .equalize import equalize
from .gptq import round_weights
from .ptq import quantize_graph
from .sequential import Step, refine_layers


@dataclass(frozen=True)
class Recipe:
    """The steps of a quantization, in this order.

    Attributes:
        equalize: scale channels to a common level first (:mod:`.equalize`).
        ranges: a key of :data:`..calibration.ranges.METHODS`.
        steps: refinements of each convolution (:mod:`.sequential`).
    """

    equalize: bool
    ranges: str
    steps: tuple[Step, ...] = ()


RECIPES = {
    "plain": Recipe(False, "min-max"),
    "fast": Recipe(True, "min-max"),
    "accurate": Recipe(True, "mse", (round_weights, correct_bias)),
}
"""``plain`` is the usual procedure, to compare with; ``fast`` takes seconds; ``accurate`` a minute or two."""

TRAINING_START = Recipe(True, "mse")
"""Recipe before quantization-aware training: ``accurate`` without its rounding, which training would undo."""

MEMORY = 1 << 30
"""Bytes that refinement may hold in activations: at large sizes it takes fewer images, each of which has more
positions to learn from."""


@dataclass(frozen=True)
class Quantized:
    """Attributes:
    real: the float graph that was rounded: the one given, or its equalized twin of the same function.
    integer: its int8 form.
    """

    real: Graph
    integer: Graph


def quantize(
    graph: Graph,
    images: Sequence[np.ndarray],
    scheme: Scheme = AFFINE,
    recipe: str = "accurate",
    *,
    progress: Progress | None = None,
) -> Graph:
    """The int8 form of ``graph``; the same arguments, machine and number of BLAS threads give the same integers.

    Args:
        graph: float.
        images: uint8 [H, W, 3] of the graph's size; 8 do, 32 are better.
        recipe: a key of :data:`RECIPES`.
        progress: reports each step; default: a progress bar on a terminal.

    Raises:
        UsageError: no such recipe, or no images.
    """
    return quantize_both(graph, images, scheme, recipe, progress=progress).integer


def quantize_both(
    graph: Graph,
    images: Sequence[np.ndarray],
    scheme: Scheme = AFFINE,
    recipe: str = "accurate",
    *,
    progress: Progress | None = None,
) -> Quantized:
    """:func:`quantize`, together with the float graph that the integers represent."""
    if recipe not in RECIPES:
        raise UsageError(f"unknown recipe '{recipe}'; one of: {', '.join(RECIPES)}")
    if not images:
        raise UsageError("quantization needs at least one calibration picture")
    return apply(RECIPES[recipe], graph, images, scheme, progress=progress)


def apply(
    recipe: Recipe, graph: Graph, images: Sequence[np.ndarray], scheme: Scheme, *, progress: Progress | None = None
) -> Quantized:
    """:func:`quantize_both` for a recipe that has no name."""
    with bars() as drawn:
        show = progress or drawn
        if recipe.equalize:
            graph = equalize(graph, collect(graph, images, histograms=False, progress=show))
        statistics = collect(graph, images, histograms=recipe.ranges != "min-max", progress=show)
        quantized = quantize_graph(graph, choose_ranges(graph, statistics, recipe.ranges, scheme), scheme)
        if recipe.steps:
            chosen = spread(images, MEMORY // _live_bytes(graph))
            quantized = refine_layers(graph, quantized, chosen, recipe.steps, progress=show)
    return Quantized(graph, quantized)


def _live_bytes(graph: Graph) -> int:
    """Bytes an image's activations take at the worst moment, in float32 and int8 together."""
    sizes = {name: 5 * math.prod(t.shape) for name, t in graph.tensors.items() if t.data is None}
    live, worst = sizes[graph.input], 0
    for op, finished in zip(graph.ops, graph.last_uses(), strict=True):
        live += sizes[op.output]
        worst = max(worst, live)
        live -= sum(sizes[name] for name in finished)
    return worst


@contextmanager
def bars() -> Iterator[Progress]:
    """A :data:`Progress` that draws one bar a stage, removed when done; silent if stderr is not a terminal."""
    stage, bar = "", tqdm(disable=True)

    def show(name: str, done: int, total: int) -> None:
        nonlocal stage, bar
        if name != stage or done == 1:
            bar.close()
            stage, bar = name, tqdm(total=total, desc=name, leave=False, disable=None)
        bar.update(done - bar.n)

    try:
        yield show
    finally:
        bar.close()
