"""The hard case in the measure that counts: mIoU on CamVid val of files that the interpreter runs."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from fastscnn_edge import Segmenter
from fastscnn_edge.evaluation.datasets import Dataset, open_dataset
from fastscnn_edge.evaluation.evaluate import evaluate_predictor
from fastscnn_edge.export.to_tflite.writer import write_tflite
from fastscnn_edge.quantization.calibration.calibration_images import calibration_files, load_image
from fastscnn_edge.quantization.calibration.scheme import SCHEMES
from fastscnn_edge.quantization.graph.graph import Graph
from fastscnn_edge.quantization.graph.lower import lower
from fastscnn_edge.quantization.ptq.recipes import quantize
from fastscnn_edge.reference.checkpoint import Checkpoint, load_checkpoint
from fastscnn_edge.runtime.engines.tflite_file import attach_spec
from fastscnn_edge.spec import ModelSpec
from tests.helpers.hard import unbalanced

BUNDLED = Path(__file__).parents[2] / "fastscnn_edge/weights/fastscnn_camvid.safetensors"


class Case(NamedTuple):
    """The bundled network out of balance, what it is calibrated and judged on, and its float mIoU in percent."""

    checkpoint: Checkpoint
    graph: Graph
    images: list[np.ndarray]
    val: Dataset
    real: float


def miou(path: Path, graph: Graph, checkpoint: Checkpoint, val: Dataset) -> float:
    """Of ``graph`` written to ``path``, in percent, over all of ``val``: on fewer pictures chance moves it by 0.2."""
    _, height, width, _ = graph.tensors[graph.input].shape
    dialect = checkpoint.model.dialect
    spec = ModelSpec(
        height,
        width,
        checkpoint.classes,
        checkpoint.normalization,
        dialect.name,
        dialect.align_corners,
        "int8" if graph.is_quantized else "fp32",
        "affine",
        checkpoint.sha256,
        version="affine",
    )
    path.write_bytes(attach_spec(write_tflite(graph, "affine"), spec))
    return 100 * evaluate_predictor(Segmenter(path, 1).predict, val).miou


@pytest.fixture(scope="module")
def case(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Case:
    val = open_dataset(shared / "camvid", "val")
    checkpoint = load_checkpoint(BUNDLED)
    graph = unbalanced(lower(checkpoint.model, checkpoint.normalization, *checkpoint.trained_size))
    images = [load_image(graph, file) for file in calibration_files(shared / "camvid/train/images", 8)]
    real = miou(tmp_path_factory.mktemp("float") / "float.tflite", graph, checkpoint, val)
    return Case(checkpoint, graph, images, val, real)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=list(SCHEMES))
def test_accurate_keeps_the_miou_where_plain_collapses(case: Case, scheme, tmp_path: Path) -> None:
    def lost(recipe: str) -> float:
        integer = quantize(case.graph, case.images, scheme, recipe)
        reached = miou(tmp_path / f"{recipe}.tflite", integer, case.checkpoint, case.val)
        print(f"{scheme.name}, {recipe}: {reached:.2f}, float {case.real:.2f}")  # pytest -s, for docs/quantization.md
        return case.real - reached

    assert lost("plain") > 10
    assert lost("accurate") <= 0.5


def test_out_of_balance_is_the_same_float_network(case: Case, tmp_path: Path) -> None:
    checkpoint = case.checkpoint
    balanced = lower(checkpoint.model, checkpoint.normalization, *checkpoint.trained_size)
    assert miou(tmp_path / "balanced.tflite", balanced, checkpoint, case.val) == pytest.approx(case.real, abs=0.01)
