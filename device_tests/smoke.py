"""The first test on a new board: does the bundled model give the expected masks?

    python device_tests/smoke.py

Needs the device install and this checkout. Segments the bundled street pictures, compares with the
masks in ``device_tests/expected`` and prints one JSON line. Exit status 1 if a mask differs by more
than the kernels' rounding can explain. Measures agreement, not speed: for speed use
``fastscnn-edge bench``.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fastscnn_edge import Segmenter

HERE = Path(__file__).parent
PICTURES = HERE.parent / "examples" / "street"
EXPECTED = HERE / "expected"

LEAST_AGREEMENT = {"tflite": 0.995, "onnxruntime": 0.98}
"""Smallest share of equal pixels, by engine. XNNPACK picks other kernels on other CPUs, and ONNX Runtime rounds
differently: boundary pixels move."""


def main() -> int:
    segmenter = Segmenter()
    results: dict[str, dict[str, Any]] = {}
    for path in sorted(PICTURES.glob("*.jpg")):
        classes = segmenter.predict(np.asarray(Image.open(path).convert("RGB")))
        expected = np.asarray(Image.open(EXPECTED / f"{path.stem}_mask.png"))
        digest = hashlib.sha256(classes.tobytes()).hexdigest()
        results[path.stem] = {"agreement": float((classes == expected).mean()), "sha256": digest}
    passed = bool(results) and all(r["agreement"] >= LEAST_AGREEMENT[segmenter.engine.name] for r in results.values())
    print(
        json.dumps(
            {"passed": passed, "machine": platform.machine(), "library": segmenter.engine.library, "masks": results}
        )
    )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
