"""Nothing leaves the machine: ONNX Runtime never sees an environment in which its telemetry is on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WEIGHTS = ROOT / "fastscnn_edge" / "weights"

WATCH = """
import os, sys

class Watch:
    seen = []

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "onnxruntime":
            self.seen.append(name)
            assert os.environ.get("ORT_DISABLE_TELEMETRY") == "1", f"{name} is imported while its telemetry is on"

sys.meta_path.insert(0, Watch())
from fastscnn_edge.cli.main import main
status = main(sys.argv[1:])
assert Watch.seen, "onnxruntime was not used at all"
sys.exit(status)
"""

COMMANDS = {
    "run": [
        "run",
        "--model",
        str(WEIGHTS / "fastscnn_camvid_int8.onnx"),
        "--source",
        str(ROOT / "examples/street"),
        "--frames",
        "1",
        "--headless",
    ],
    "bench": ["bench", "--model", str(WEIGHTS / "fastscnn_camvid_int8.onnx"), "--frames", "1"],
    "export": ["export", "--checkpoint", str(WEIGHTS / "fastscnn_camvid_int8.safetensors"), "--out", "m.onnx"],
    "compare-engines": [
        "compare-engines",
        "--checkpoint",
        str(WEIGHTS / "fastscnn_camvid_int8.safetensors"),
        "--size",
        "64x96",
        "--limit",
        "1",
        "--pictures",
        str(ROOT / "examples/street"),
    ],
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("value", [None, "0"])
def test_it_is_off_before_the_library_is_loaded(command: str, value: str | None, tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="needs the export extra")
    # CI would turn it off by itself.
    environment = {k: v for k, v in os.environ.items() if k not in ("ORT_DISABLE_TELEMETRY", "CI", "TF_BUILD")}
    if value is not None:
        environment["ORT_DISABLE_TELEMETRY"] = value
    done = subprocess.run(
        [sys.executable, "-c", WATCH, *COMMANDS[command]],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_baseline_quantizer_too() -> None:
    pytest.importorskip("onnx", reason="needs the export extra")
    code = (
        WATCH.split("from fastscnn_edge.cli")[0] + "import fastscnn_edge.export.compare.ort_static\nassert Watch.seen\n"
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("ORT_DISABLE_TELEMETRY", "CI")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
