"""ncnn by way of pnnx: argv 0|1 (fp16) model.onnx out.param. pnnx's converter needs no PyTorch, its module does."""

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

half, source, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
spec = importlib.util.find_spec("pnnx")
assert spec is not None and spec.submodule_search_locations
converter = Path(spec.submodule_search_locations[0]) / "pnnx"
with tempfile.TemporaryDirectory() as folder:
    shutil.copy(source, f"{folder}/m.onnx")
    subprocess.run([converter, "m.onnx", f"fp16={half}"], cwd=folder, check=True)
    shutil.copy(f"{folder}/m.ncnn.param", out)
    shutil.copy(f"{folder}/m.ncnn.bin", out.with_suffix(".bin"))
