"""Self-test: segments one drawn frame with the bundled model and compares the result with a recorded one.

``python -m fastscnn_edge.cli.self_test --record`` records the expectations beside the models; run it whenever a
bundled model changes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..files import sha256, write_text

TOLERANCE = 0.02
"""Largest sum of changes in class shares that passes: engines round the last bit differently."""


@dataclass(frozen=True)
class SelfTestResult:
    """Result of the self-test.

    Attributes:
        passed: the class shares are within :data:`TOLERANCE` of the expected ones.
        exact: every pixel is as recorded.
        difference: sum over the classes of the change in share, 0..2.
        shares: label -> share of the pixels, of classes present.
        mask_sha256: digest of the class map.
        milliseconds: time of this single cold frame; not a benchmark.
    """

    passed: bool
    exact: bool
    difference: float
    shares: dict[str, float]
    mask_sha256: str
    milliseconds: float


def self_test(threads: int | None = None) -> SelfTestResult:
    """Run the self-test.

    Raises:
        ModelFileError, MissingExtraError: the bundled model cannot run here.
    """
    from ..runtime.pipeline.segmenter import bundled_model

    path = bundled_model()
    found = _observe(path, threads)
    expected = json.loads(expectation(path).read_bytes())
    labels = {*found["shares"], *expected["shares"]}
    difference = sum(abs(found["shares"].get(name, 0.0) - expected["shares"].get(name, 0.0)) for name in labels)
    same_model = expected["model_sha256"] == found["model_sha256"]
    return SelfTestResult(
        passed=same_model and difference <= TOLERANCE,
        exact=found["mask_sha256"] == expected["mask_sha256"],
        difference=round(difference, 6),
        shares=found["shares"],
        mask_sha256=found["mask_sha256"],
        milliseconds=found["milliseconds"],
    )


def record() -> None:
    """Record the expectations for all bundled models; needs an engine for each."""
    from ..runtime.pipeline.segmenter import BUNDLED, WEIGHTS

    for name in BUNDLED:
        found = _observe(WEIGHTS / name, 1)
        del found["milliseconds"]
        write_text(expectation(WEIGHTS / name), json.dumps(found, indent=1) + "\n")


def expectation(model: Path) -> Path:
    """Path of the recorded expectation of ``model``."""
    return model.with_name(f"{model.name}.self_test.json")


def _observe(path: Path, threads: int | None) -> dict[str, Any]:
    import numpy as np

    from ..bench.frames import synthetic_frames
    from ..runtime.pipeline.segmenter import Segmenter

    segmenter = Segmenter(path, threads)
    frame = synthetic_frames(segmenter.spec.height, segmenter.spec.width, 1)[0]
    result = segmenter.predict_timed(frame)
    counts = np.bincount(result.class_map.reshape(-1), minlength=len(segmenter.spec.classes))
    shares = {
        label: round(int(count) / result.class_map.size, 6)
        for label, count in zip(segmenter.spec.classes.labels, counts, strict=True)
        if count
    }
    return {
        "model_sha256": sha256(path),
        "shares": shares,
        "mask_sha256": hashlib.sha256(result.class_map.tobytes()).hexdigest(),
        "milliseconds": (result.preprocess + result.invoke + result.mask) / 1e6,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m fastscnn_edge.cli.self_test",
        description="Record what 'fastscnn-edge doctor' expects of the bundled models.",
    )
    parser.add_argument("--record", action="store_true", required=True, help="write the expectations beside the models")
    parser.parse_args()
    record()
