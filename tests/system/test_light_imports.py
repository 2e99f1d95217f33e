"""A board needs numpy, Pillow and one engine: a whole run happens with everything heavier forbidden."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FORBIDDEN = ("torch", "tensorflow", "onnx", "onnxruntime", "tqdm", "flatbuffers", "safetensors")

BLOCK = f"""
import sys
class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {FORBIDDEN}:
            raise ImportError(name + " is forbidden here")
sys.meta_path.insert(0, Wall())
"""

CHECK = f"""
seen = {{name.split(".")[0] for name in sys.modules}} & set({FORBIDDEN})
assert not seen, seen
"""


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", BLOCK + code + CHECK, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_whole_run_on_a_picture(tiny_model: Path, image: Path, tmp_path: Path) -> None:
    code = "from fastscnn_edge.cli.main import main\nassert main(sys.argv[1:]) == 0\n"
    arguments = ["run", "--source", str(image), "--model", str(tiny_model), "--out", str(tmp_path / "out")]
    done = python(code, *arguments, "--report", str(tmp_path / "r.json"))
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out" / "street_overlay.png").exists()


def test_a_whole_benchmark_and_doctor(tiny_model: Path, tmp_path: Path) -> None:
    code = "from fastscnn_edge.cli.main import main\nassert main(['doctor']) == 0\nassert main(sys.argv[1:]) == 0\n"
    done = python(
        code, "bench", "--model", str(tiny_model), "--frames", "2", "--profile", "--report", str(tmp_path / "r.json")
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "r.html").exists()


def test_the_public_api(tiny_model: Path) -> None:
    code = """
import numpy
from fastscnn_edge import Segmenter
print(Segmenter(sys.argv[1], threads=1).predict(numpy.zeros((40, 50, 3), numpy.uint8)).shape)
"""
    done = python(code, str(tiny_model))
    assert (done.returncode, done.stdout, done.stderr) == (0, "(40, 50)\n", "")


def test_importing_the_package_loads_not_even_numpy() -> None:
    done = python('import fastscnn_edge\nassert not {"numpy", "PIL"} & set(sys.modules)\n')
    assert (done.returncode, done.stderr) == (0, "")


def test_a_plain_run_needs_no_video_library_window_or_server(tiny_model: Path, image: Path) -> None:
    unused = ("av", "tkinter", "http.server")
    code = "from fastscnn_edge.commands.run import main\nassert main(sys.argv[1:]) == 0\n"
    code += f"assert not set({unused}) & set(sys.modules), set({unused}) & set(sys.modules)\n"
    done = python(code, "--source", str(image), "--model", str(tiny_model))
    assert (done.returncode, done.stderr) == (0, "")
