"""Post-training quantization of whole graphs."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from fastscnn_edge.errors import SourceError
from fastscnn_edge.quantization.calibration.calibration_images import calibration_files
from fastscnn_edge.quantization.calibration.ranges import Range, observe_ranges
from fastscnn_edge.quantization.calibration.scheme import AFFINE
from fastscnn_edge.quantization.graph.arithmetic import dequantize
from fastscnn_edge.quantization.graph.evaluator import run, run_all
from fastscnn_edge.quantization.graph.graph import Conv, Pool, scale_groups
from fastscnn_edge.quantization.graph.lower import lower
from fastscnn_edge.quantization.ptq.ptq import quantize_graph
from fastscnn_edge.spec import IMAGENET, INT8_NATIVE
from tests.helpers import random_image, random_model

SIZE = (96, 128)


@pytest.fixture(scope="module")
def graphs():
    graph = lower(random_model("mmseg", 6), IMAGENET, *SIZE)
    images = [random_image(*SIZE, seed) for seed in range(3)]
    return graph, quantize_graph(graph, observe_ranges(graph, images)), images


def test_int8_logits_follow_the_float_ones(graphs) -> None:
    graph, quantized, images = graphs
    out = quantized.tensors[quantized.output].quantization
    real = run(graph, images[0])
    approximate = dequantize(run(quantized, images[0]), out.scale[0], out.zero_point)
    noise = ((real - approximate) ** 2).mean()
    assert 10 * np.log10((real**2).mean() / noise) > 20


def test_no_activation_saturates_on_its_own_calibration_pictures(graphs) -> None:
    graph, quantized, images = graphs
    for (name, real), (_, integers) in zip(run_all(graph, images[1]), run_all(quantized, images[1]), strict=True):
        q = quantized.tensors[name].quantization
        assert real.min() >= (-128.5 - q.zero_point) * q.scale[0] - 1e-4, name
        assert real.max() <= (127.5 - q.zero_point) * q.scale[0] + 1e-4, name
        assert integers.dtype == np.int8


def test_groups_share_scales_and_everything_is_integer(graphs) -> None:
    _, quantized, _ = graphs
    for group in scale_groups(quantized):
        parameters = {
            (float(q.scale[0]), q.zero_point) for q in (quantized.tensors[name].quantization for name in group)
        }
        assert len(parameters) == 1
    assert {t.dtype for t in quantized.tensors.values()} == {np.dtype(np.int8), np.dtype(np.int32)}


def test_input_is_the_pixel_with_its_top_bit_flipped(graphs) -> None:
    _, quantized, images = graphs
    name, value = next(run_all(quantized, images[0]))
    q = quantized.tensors[name].quantization
    assert (float(q.scale[0]), q.zero_point) == (1.0, 0)
    assert (value[0].astype(int) == images[0].astype(int) - 128).all()


def test_weights_are_symmetric_per_channel_and_pooling_is_exact(graphs) -> None:
    graph, quantized, _ = graphs
    for op in quantized.ops:
        if not isinstance(op, Conv | Pool):
            continue
        weight = quantized.tensors[op.weight]
        assert weight.data.min() >= -127
        axis = weight.quantization.axis
        others = tuple(i for i in range(weight.data.ndim) if i != axis)
        assert (np.abs(weight.data).max(axis=others) == 127).all()
        if isinstance(op, Pool):
            back = dequantize(weight.data, weight.quantization.scale[:, None])
            np.testing.assert_allclose(back, graph.tensors[op.weight].data, rtol=1e-6)


def test_border_pixels_are_the_rounded_mean(graphs) -> None:
    _, quantized, _ = graphs
    border = quantized.tensors["border/rows_before"]
    assert border.data[0, 0, 0].tolist() == [round(m - 128) for m in IMAGENET.mean]


@pytest.mark.parametrize(("low", "high"), [(0.0, 6.0), (-3.0, 5.0), (-4.0, 0.0), (1.0, 2.0), (0.0, 0.0)])
def test_scheme_represents_zero_exactly_and_covers_the_range(low: float, high: float) -> None:
    q = AFFINE.activation(low, high)
    assert -128 <= q.zero_point <= 127
    step = float(q.scale[0])
    assert (127 - q.zero_point) * step >= high - step / 2
    assert (-128 - q.zero_point) * step <= low + step / 2
    if low >= 0:
        assert q.zero_point == -128


def test_ranges_union() -> None:
    assert Range(-1, 2).union(Range(-3, 1)) == Range(-3, 2)


def test_a_dead_channel_gets_a_harmless_scale() -> None:
    model = random_model("mmseg", 3)
    model.feature_fusion.higher.bn.weight.data[5] = 0
    graph = lower(model, INT8_NATIVE, 64, 64)
    quantized = quantize_graph(graph, observe_ranges(graph, [random_image(64, 64)]))
    assert (quantized.tensors["fusion/higher/weight"].data[5] == 0).all()


def test_calibration_files_are_spread_over_the_folder(tmp_path) -> None:
    for i in range(10):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{i}.png")
    assert [p.stem for p in calibration_files(tmp_path, 4)] == ["0", "3", "6", "9"]
    assert len(calibration_files(tmp_path, 99)) == 10


def test_what_is_no_picture_is_not_calibrated_with(tmp_path) -> None:
    """File managers and archives leave such things behind, and a folder may be named like an image."""
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "__MACOSX").mkdir()
    for name in ("a.png", "._a.png", ".hidden.png", "__MACOSX/b.png", "folder.jpg/c.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    assert [p.name for p in calibration_files(tmp_path, 99, recursive=True)] == ["a.png", "c.png"]


def test_calibration_folder_must_exist_and_hold_pictures(tmp_path) -> None:
    with pytest.raises(SourceError, match="no such calibration folder"):
        calibration_files(tmp_path / "absent", 4)
    with pytest.raises(SourceError, match="contains no pictures"):
        calibration_files(tmp_path, 4)
