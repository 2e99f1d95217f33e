"""``fastscnn-edge sensitivity``: table, JSON and plot."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from PIL import Image

from fastscnn_edge.commands.sensitivity import main
from tests.helpers import random_model


def test_command_writes_table_json_and_plot(tmp_path: Path, tiny_dataset: Path, capsys) -> None:
    checkpoint = tmp_path / "model.pth"
    torch.save(random_model("paper", 3).state_dict(), checkpoint)
    out, plot = tmp_path / "layers.json", tmp_path / "layers.png"
    arguments = [
        "--checkpoint",
        str(checkpoint),
        "--data",
        str(tiny_dataset),
        "--size",
        "64x64",
        "--limit",
        "1",
        "--pictures",
        "1",
        "--scheme",
        "symmetric",
        "--json",
        str(out),
        "--plot",
        str(plot),
    ]
    assert main(arguments) == 0
    report = json.loads(out.read_text())
    names = [row["name"] for row in report["operations"]]
    assert {"stem", "logits", "pyramid/concat", "bottleneck1.2/add", "pyramid/pool"} <= set(names)
    assert all(set(row) == {"name", "kind", "sqnr", "agreement", "miou_lost"} for row in report["operations"])
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == names
    with Image.open(plot) as image:
        assert image.format == "PNG" and image.width > 600


def test_command_refuses_bad_input(tmp_path: Path, capsys) -> None:
    assert main(["--checkpoint", "absent.pth"]) == 2
    assert main(["--checkpoint", "absent.pth", "--calibration", str(tmp_path), "--plot", "x.jpg"]) == 2
    assert main(["--checkpoint", "absent.pth", "--calibration", str(tmp_path)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 3
