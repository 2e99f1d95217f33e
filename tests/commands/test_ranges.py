"""``fastscnn-edge ranges``: table, JSON and plot, and the layers that are drawn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from fastscnn_edge.commands.ranges import choose, main
from fastscnn_edge.errors import UsageError
from fastscnn_edge.quantization.analysis.channel_ranges import measure_channel_ranges
from fastscnn_edge.quantization.graph.lower import lower
from fastscnn_edge.spec import INT8_NATIVE
from tests.helpers import random_image, random_model
from tests.helpers.hard import unbalanced


def test_chosen_layers() -> None:
    graph = unbalanced(lower(random_model("mmseg", 3), INT8_NATIVE, 64, 96))
    ordered = measure_channel_ranges(graph, [random_image(64, 96)])
    assert [layer.name for layer in choose(ordered, ["stem", "logits"])] == ["stem", "logits"]
    names = [layer.name for layer in choose(ordered, None)]
    assert len(names) == 3 and names[-1] == "pyramid/concat"
    with pytest.raises(UsageError, match=r"no layer 'pyramid/branch1' .*one of: bottleneck1.1/depthwise, "):
        choose(ordered, ["pyramid/branch1"])


def test_command_writes_table_json_and_plot(tmp_path: Path, tiny_dataset: Path, capsys) -> None:
    checkpoint = tmp_path / "model.pth"
    torch.save(random_model("paper", 3).state_dict(), checkpoint)
    out, plot = tmp_path / "ranges.json", tmp_path / "ranges.png"
    arguments = [
        "--checkpoint",
        str(checkpoint),
        "--calibration",
        str(tiny_dataset / "train/images"),
        "--size",
        "64x64",
        "--calibration-count",
        "2",
        "--json",
        str(out),
        "--plot",
        str(plot),
    ]
    assert main(arguments) == 0
    report = json.loads(out.read_text())
    names = [layer["name"] for layer in report["layers"]]
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[2:]] == names
    assert report["pictures"] == 2
    gains = [layer["bits_gained"] for layer in report["layers"]]
    assert gains == sorted(gains, reverse=True)
    concat = next(layer for layer in report["layers"] if layer["name"] == "pyramid/concat")
    assert len(concat["before"]["steps"]) == len(concat["after"]["steps"]) == 256
    assert next(iter(concat["parts"].values())) == [0, 128]
    with Image.open(plot) as image:
        assert image.format == "PNG"
        whole = image.height
    assert main([*arguments, "--layer", "stem"]) == 0
    with Image.open(plot) as image:
        assert image.height < whole


def test_command_refuses_bad_input(tmp_path: Path, tiny_dataset: Path, capsys) -> None:
    checkpoint = tmp_path / "model.pth"
    torch.save(random_model("paper", 3).state_dict(), checkpoint)
    plot = tmp_path / "ranges.png"
    common = ["--calibration", str(tiny_dataset / "val/images"), "--size", "64x64"]
    assert main(["--checkpoint", "absent.pth", *common]) == 2
    assert main(["--checkpoint", str(checkpoint), *common, "--plot", "x.jpg"]) == 2
    assert main(["--checkpoint", str(checkpoint), *common, "--layer", "stem"]) == 2
    assert main(["--checkpoint", str(checkpoint), *common, "--plot", str(plot), "--layer", "absent"]) == 2
    assert main(["--checkpoint", str(checkpoint), "--calibration", str(tmp_path / "absent")]) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if "error: " in line]
    assert len(errors) == 5
    for error, words in zip(
        errors, ("no such checkpoint", ".png", "--plot as well", "'absent'", "no such calib"), strict=True
    ):
        assert words in error
    assert not plot.exists()
