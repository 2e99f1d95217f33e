"""A made-up case, for the tests of what is computed from it."""

from __future__ import annotations

import numpy as np

from benchmarks.contestants import OURS, REFERENCE
from benchmarks.results import Case, Measurement

MIB = 1 << 20


def rounds(milliseconds: float, count: int = 9, noise: float = 0.02, seed: int = 0) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [[int(1e6 * milliseconds * f) for f in rng.normal(1, noise, 4)] for _ in range(count)]


def row(name: str, milliseconds: float, mebibytes: int, ours: bool = False) -> Measurement:
    return Measurement(name, "int8", ours, "words", "package 1.0", rounds(milliseconds), mebibytes * MIB, 1.0)


CASE = Case(
    (1024, 2048),
    1,
    [
        row(OURS, 50, 100, ours=True),
        row(REFERENCE, 240, 750),
        row("OpenVINO INT8", 40, 200),
        row("TFLite INT8 in graph", 80, 150),
        Measurement("MNN INT8", "int8", False, "", "", problem="no | such file"),
    ],
)
