"""The wheel, and what a board gets when it installs it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = {
    "fastscnn_edge": "fastscnn_edge",
    "quantization": "fastscnn_edge/quantization",
    "export": "fastscnn_edge/export",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT],
        check=True,
        cwd=folder,
    )
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_every_module_and_the_weights(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for source, target in SOURCES.items():
        for path in (ROOT / source).rglob("*.py"):
            assert f"{target}/{path.relative_to(ROOT / source).as_posix()}" in names
    assert {f"fastscnn_edge/runtime/web/static/page.{kind}" for kind in ("html", "css", "js")} <= names
    assert {
        "fastscnn_edge/py.typed",
        "fastscnn_edge/weights/fastscnn_camvid_int8.tflite",
        "fastscnn_edge/weights/fastscnn_camvid.safetensors",
    } <= names
    tops = {name.split("/")[0] for name in names}
    assert tops == {"fastscnn_edge", next(t for t in tops if t.endswith(".dist-info"))}


@pytest.mark.slow
def test_a_device_install_runs_the_bundled_model(wheel: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    # Outside the checkout and without its paths, so that only what was installed can be imported.
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    subprocess.run(
        [venv / "bin/pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt", f"{wheel}[tflite]"],
        check=True,
        env=environment,
    )
    listed = subprocess.run(
        [venv / "bin/pip", "list", "--format=freeze"], check=True, env=environment, capture_output=True, text=True
    ).stdout
    assert not any(line.startswith(("torch==", "tensorflow", "onnx")) for line in listed.splitlines())
    result = subprocess.run(
        [
            venv / "bin/fastscnn-edge",
            "run",
            "--source",
            ROOT / "examples/street",
            "--headless",
            "--out",
            tmp_path / "out",
            "--report",
            tmp_path / "report.json",
        ],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "report.json").is_file()
    assert list((tmp_path / "out").glob("*_overlay.*"))
