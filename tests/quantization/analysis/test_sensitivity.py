"""Sensitivity: the damaged operation comes first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

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
