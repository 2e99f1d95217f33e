"""No command writes a result over what it reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from fastscnn_edge.cli.main import main
from tests.helpers import random_model

COMMANDS = {
    "evaluate artifact": ("evaluate {tflite} --data {data} --json {tflite}", "must end in .json"),
    "evaluate checkpoint": ("evaluate {pth} --data {data} --json {pth}", "must end in .json"),
    "sensitivity": ("sensitivity --checkpoint {pth} --calibration {pictures} --json {pth}", "must end in .json"),
    "ranges": ("ranges --checkpoint {pth} --calibration {pictures} --plot {pth}", "must end in .png"),
    "compare-quantizers": (
        "compare-quantizers --checkpoint {pth} --calibration {pictures} --data {data} --json {pth}",
        "must end in .json",
    ),
    "compare-engines": ("compare-engines --checkpoint {pth} --pictures {pictures} --json {pth}", "must end in .json"),
    "lint": ("lint {tflite} --json {tflite}", "must end in .json"),
    "compare": ("compare {report} {report} --json {report}", "it is what is read"),
    "report": ("report {report} --out {report}", "must end in .html"),
    "quantize": ("quantize --checkpoint {safe} --calibration {pictures} --out {safe}", "it is what is read"),
    "calibrate": ("calibrate --checkpoint {safe} --calibration {pictures} --out {safe}", "it is what is read"),
}


@pytest.mark.parametrize(("words", "refusal"), COMMANDS.values(), ids=list(COMMANDS))
def test_a_result_never_replaces_an_input(
    tmp_path: Path, tiny_model: Path, tiny_dataset: Path, words: str, refusal: str, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {
        "tflite": tmp_path / "m.tflite",
        "pth": tmp_path / "w.pth",
        "safe": tmp_path / "w.safetensors",
        "report": tmp_path / "r.json",
    }
    files["tflite"].write_bytes(tiny_model.read_bytes())
    torch.save(random_model("mmseg", 3).state_dict(), files["pth"])
    files["safe"].write_bytes(b"whatever")
    files["report"].write_text(json.dumps({"schema": "fastscnn_edge.report/1"}))
    before = {path: path.read_bytes() for path in files.values()}
    named = {**files, "data": tiny_dataset, "pictures": tiny_dataset / "train" / "images"}
    assert main([word.format(**named) for word in words.split()]) == 2
    assert refusal in capsys.readouterr().err
    assert {path: path.read_bytes() for path in files.values()} == before
