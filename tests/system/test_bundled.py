"""The weights that ship: they belong together, and they are as good as their card says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastscnn_edge import Segmenter
from fastscnn_edge.cli.main import main
from fastscnn_edge.files import sha256
from fastscnn_edge.quantization.quantized_file import load_quantized
from fastscnn_edge.runtime.engines.onnx_file import read_onnx
from fastscnn_edge.runtime.engines.tflite_file import read_spec

ROOT = Path(__file__).parents[2]
WEIGHTS = ROOT / "fastscnn_edge" / "weights"
CHECKPOINT = WEIGHTS / "fastscnn_camvid.safetensors"
MODEL = WEIGHTS / "fastscnn_camvid_int8.tflite"

EXPORTS = {
    "fastscnn_camvid_int8.tflite": "fastscnn_camvid_int8.safetensors",
    "fastscnn_camvid_int8.onnx": "fastscnn_camvid_int8.safetensors",
    "fastscnn_camvid_int8_tensorrt.onnx": "fastscnn_camvid_int8_symmetric.safetensors",
}


@pytest.mark.parametrize("name", EXPORTS)
def test_the_network_exports_to_the_bundled_file_byte_for_byte(name: str, tmp_path: Path) -> None:
    source, out = WEIGHTS / EXPORTS[name], tmp_path / name
    assert main(["export", "--checkpoint", str(source), "--out", str(out)]) == 0
    assert sha256(out) == sha256(WEIGHTS / name)
    spec = read_spec(out) if out.suffix == ".tflite" else read_onnx(out)[0]
    assert spec.checkpoint_sha256 == sha256(source)


@pytest.mark.parametrize("source", sorted(set(EXPORTS.values())))
def test_the_networks_were_made_from_the_bundled_checkpoint(source: str) -> None:
    assert load_quantized(WEIGHTS / source).origin.checkpoint_sha256 == sha256(CHECKPOINT)


def test_the_checkpoint_still_exports_by_itself(tmp_path: Path) -> None:
    assert main(["export", "--checkpoint", str(CHECKPOINT), "--out", str(tmp_path / "m.tflite")]) == 0


def test_the_file_for_tensorrt_breaks_no_rule_of_it() -> None:
    assert main(["lint", str(WEIGHTS / "fastscnn_camvid_int8_tensorrt.onnx")]) == 0


@pytest.mark.slow
def test_the_card_states_what_evaluate_measures(shared: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.json"
    models = [str(CHECKPOINT), *(str(WEIGHTS / name) for name in EXPORTS)]
    assert main(["evaluate", *models, "--data", str(shared / "camvid"), "--json", str(out)]) == 0
    scores = json.loads(out.read_text())
    card = (WEIGHTS / "README.md").read_text()
    stated = re.search(r"^\| mIoU \|(( [\d.]+ \|){4})$", card, re.MULTILINE)
    assert stated is not None
    measured = [100 * result["miou"] for result in scores["models"]]
    # Another CPU's float kernels may move a few boundary pixels.
    assert measured == pytest.approx([float(v) for v in stated.group(1).split("|")[:-1]], abs=0.05)
    assert measured[0] >= 66
    # Quantization-aware training costs nothing, whatever runs the file.
    assert all(value >= measured[0] for value in measured[1:])


def test_street_pictures_come_out_as_a_street() -> None:
    segmenter = Segmenter()
    labels = segmenter.spec.classes.labels
    image = np.asarray(Image.open(ROOT / "examples/street/street_1.jpg").convert("RGB"))
    classes = segmenter.predict(image)
    assert classes.shape == image.shape[:2]
    height, width = classes.shape
    assert labels[np.bincount(classes[-height // 4 :, width // 4 : -width // 4].ravel()).argmax()] == "road"
    assert labels[np.bincount(classes[: height // 8, width // 3 : -width // 3].ravel()).argmax()] == "sky"


def test_smoke_test_for_boards_passes_here() -> None:
    command = [sys.executable, str(ROOT / "device_tests/smoke.py")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert json.loads(result.stdout)["passed"]


def test_the_readme_picture_is_what_make_run_leaves(tmp_path: Path) -> None:
    assert main(["run", "--source", str(ROOT / "examples/street/street_1.jpg"), "--out", str(tmp_path)]) == 0
    made = np.asarray(Image.open(tmp_path / "street_1_overlay.png")).astype(int)
    shown = np.asarray(Image.open(ROOT / "docs/street_overlay.png").convert("RGB")).astype(int)
    assert made.shape == shown.shape
    assert (np.abs(made - shown).max(axis=-1) > 0).mean() < 0.01
