"""jetson.sh on a machine without a GPU: it runs what it can and names what is absent."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastscnn_edge.cli.main import main
from tests.conftest import REPOSITORY

SCRIPT = REPOSITORY / "device_tests" / "jetson.sh"


def jetson(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(SCRIPT), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHON": sys.executable, **variables},
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("jetson") / "float.onnx"
    checkpoint = REPOSITORY / "fastscnn_edge" / "weights" / "fastscnn_camvid.safetensors"
    assert (
        main(
            ["export", "--checkpoint", str(checkpoint), "--precision", "fp32", "--size", "360x480", "--out", str(path)]
        )
        == 0
    )
    return path


@pytest.mark.skipif(shutil.which("trtexec") is not None, reason="this machine has TensorRT")
def test_without_a_gpu_the_rest_runs(model: Path, tmp_path: Path) -> None:
    done = jetson(model, tmp_path / "results")
    assert done.returncode == 0, done.stdout + done.stderr
    missing = [line.split(maxsplit=1)[1] for line in done.stdout.splitlines() if line.startswith("missing")]
    for tool in ("nvpmodel", "trtexec", "TensorRT"):
        assert any(line.startswith(tool) for line in missing)
    assert "CPUExecutionProvider: all nodes" in done.stdout
    assert done.stdout.count("% of pixels as expected") == 4
    assert not done.stderr


def test_a_mask_that_is_off_fails(model: Path, tmp_path: Path) -> None:
    assert jetson(model, tmp_path).returncode == 0
    mask = tmp_path / "masks" / "street_1_mask.png"
    Image.fromarray(np.zeros_like(np.asarray(Image.open(mask)))).save(mask)
    check = [sys.executable, str(SCRIPT.with_name("jetson_check.py")), str(tmp_path)]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "failed   street_1_mask.png" in done.stdout


def test_wrong_arguments_are_one_line(tmp_path: Path) -> None:
    done = jetson(tmp_path / "no.onnx")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and "no such model" in done.stderr
    assert jetson().returncode == 2
    assert "MODEL.onnx" in jetson("--help").stdout


def test_a_python_without_the_package_is_named(tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    model.touch()
    done = jetson(model, PYTHON="no-such-python")
    assert done.returncode == 1
    assert "no-such-python: not found" in done.stdout


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck() -> None:
    done = subprocess.run(["shellcheck", str(SCRIPT)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
