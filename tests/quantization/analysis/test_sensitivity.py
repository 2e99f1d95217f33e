"""Sensitivity: the damaged layer comes first, and the command writes what it says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fastscnn_edge.commands.sensitivity import main
from fastscnn_edge.evaluation.datasets import open_dataset
from fastscnn_edge.quantization.analysis.sensitivity import measure_sensitivity, sensitivity_table
from fastscnn_edge.quantization.graph.lower import lower
from fastscnn_edge.quantization.ptq.recipes import quantize_both
from fastscnn_edge.spec import INT8_NATIVE
from tests.helpers import random_image, random_model

SIZE = (64, 96)


@pytest.fixture(scope="module")
def both():
    graph = lower(random_model("mmseg", 3), INT8_NATIVE, *SIZE)
    return quantize_both(graph, [random_image(*SIZE, seed) for seed in range(2)], recipe="fast")


@pytest.mark.parametrize("name", ["bottleneck2.2/depthwise", "fusion/higher", "pyramid/branch6"])
def test_a_damaged_convolution_comes_first(both, name: str) -> None:
    weight = both.integer.tensors[f"{name}/weight"]
    damaged = both.integer.replace_tensors({weight.name: replace(weight, data=weight.data // 16 * 16)})
    rows = measure_sensitivity(both.real, damaged, [random_image(*SIZE, 1)])
    assert rows[0].name == name
    clean = {row.name: row for row in measure_sensitivity(both.real, both.integer, [random_image(*SIZE, 1)])}
    assert rows[0].sqnr < clean[name].sqnr - 6
    assert all(row.sqnr == clean[row.name].sqnr for row in rows[1:])


def test_a_coarse_activation_scale_comes_first(both) -> None:
    add = both.integer.tensors["bottleneck2.3/add"]
    coarse = replace(add.quantization, scale=add.quantization.scale * np.float32(16))
    damaged = both.integer.replace_tensors({add.name: replace(add, quantization=coarse)})
    assert measure_sensitivity(both.real, damaged, [random_image(*SIZE, 1)])[0].name == "bottleneck2.3/add"


def test_miou_lost_orders_the_rows(both, tiny_dataset: Path) -> None:
    weight = both.integer.tensors["logits/weight"]
    damaged = both.integer.replace_tensors({weight.name: replace(weight, data=-weight.data)})
    rows = measure_sensitivity(both.real, damaged, [random_image(*SIZE)], open_dataset(tiny_dataset, "val"))
    lost = [row.miou_lost for row in rows]
    assert lost == sorted(lost, reverse=True)
    assert next(row for row in rows if row.name == "logits").miou_lost != 0
    assert "mIoU lost" in sensitivity_table(rows)


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
