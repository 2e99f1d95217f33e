"""ncnn by way of pnnx: argv fp32|fp16 model.onnx out.param; the weights lie beside it as out.bin."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def convert(precision: str, source: Path, out: Path) -> None:
    """Call the program within pnnx's package: its Python module imports PyTorch. It halves weights unless forbidden."""
    spec = importlib.util.find_spec("pnnx")
    assert spec is not None and spec.submodule_search_locations
    converter = Path(spec.submodule_search_locations[0]) / "pnnx"
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(source, f"{folder}/m.onnx")
        subprocess.run([converter, "m.onnx", f"fp16={int(precision == 'fp16')}"], cwd=folder, check=True)
        shutil.copy(f"{folder}/m.ncnn.param", out)
        shutil.copy(f"{folder}/m.ncnn.bin", out.with_suffix(".bin"))


if __name__ == "__main__":
    convert(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
