"""Last step of jetson.sh: which provider ran the network, and are the masks as expected?

    python device_tests/jetson_check.py RESULTS

RESULTS holds report.json and masks/ of ``fastscnn-edge run`` on examples/street. One line for each finding, exit
status 1 if a mask differs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

EXPECTED = Path(__file__).resolve().parent / "expected"

LEAST_AGREEMENT = 0.97
"""Smallest share of equal pixels. The expected masks are of the bundled INT8 .tflite: another scheme, or float, moves
pixels along the edges."""


def main(results: Path) -> int:
    engine = json.loads((results / "report.json").read_text())["engine"]
    for provider, nodes in engine.get("providers", {}).items():
        print(f"ok       {provider}: {'this onnxruntime does not say which nodes' if nodes is None else nodes}")
    for provider in engine.get("providers_unavailable", []):
        print(f"missing  {provider}: offered by onnxruntime, but its libraries do not load here")
    if "engine_cache" in engine:
        print(f"ok       TensorRT engines are kept in {engine['engine_cache']}")
    status = 0
    for expected in sorted(EXPECTED.glob("*_mask.png")):
        mask = np.asarray(Image.open(results / "masks" / expected.name))
        agreement = float((mask == np.asarray(Image.open(expected))).mean())
        passed = agreement >= LEAST_AGREEMENT
        status |= not passed
        print(f"{'ok' if passed else 'failed':<8} {expected.name}: {100 * agreement:.2f} % of pixels as expected")
    return status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
