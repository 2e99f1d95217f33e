"""Estimates of memory: their arithmetic, and that they are near what fresh processes need."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fastscnn_edge.cli.memory.limit import workload_of
from fastscnn_edge.cli.memory.probe import Probe, measure, predict
from fastscnn_edge.errors import UsageError
from fastscnn_edge.runtime.engines.open import describe_model
from fastscnn_edge.runtime.pipeline.footprint import MIB, STEP, Kind, Workload, estimate, largest_size, require_fits
from fastscnn_edge.runtime.pipeline.segmenter import bundled_model
from tests.helpers import random_image
from tests.helpers.models import exported
from tests.helpers.processes import peak_of_call
from tests.helpers.tiny import spec

SIZES = st.integers(32, 4096)
ENGINES = st.sampled_from(["tflite", "onnxruntime"])
PRECISIONS = st.sampled_from(["int8", "fp32", "fp16", "dynamic"])

TOLERANCE = {"tflite": 0.05, "onnxruntime": 0.15}
"""ONNX Runtime's arena grows in steps of its own."""


@given(SIZES, SIZES, ENGINES, PRECISIONS, st.integers(0, 10**8))
def test_the_total_is_the_sum_and_more_pixels_need_more(h: int, w: int, engine: str, precision: str, size: int) -> None:
    one = replace(spec(), height=h, width=w, precision=precision)
    found = estimate(one, engine, size, 40 * MIB)
    assert found.total == pytest.approx(sum(value for _, value in found.parts), abs=1)
    assert estimate(replace(one, height=h + 1), engine, size, 40 * MIB).total > found.total
    for more in (
        Workload(kind=Kind.FOLDER),
        Workload(kind=Kind.VIDEO),
        Workload(kind=Kind.CAMERA),
        Workload(drawing=True),
        Workload(held=2),
        Workload(smoothing=True),
        Workload(frame=(2 * h, 2 * w)),
    ):
        assert estimate(one, engine, size, 40 * MIB, more).total > found.total


@given(SIZES, SIZES, ENGINES, st.integers(60 * MIB, 400 * MIB))
def test_a_suggested_size_fits_and_the_next_does_not(h: int, w: int, engine: str, limit: int) -> None:
    one = replace(spec(), height=h, width=w)
    if estimate(one, engine, MIB, 40 * MIB).total <= limit:
        assert require_fits(one, engine, MIB, 40 * MIB, limit).total <= limit
        return
    found = largest_size(one, engine, MIB, 40 * MIB, limit)
    with pytest.raises(UsageError) as error:
        require_fits(one, engine, MIB, 40 * MIB, limit)
    if found is None:
        assert "no input size would fit" in str(error.value)
        return
    height, width = found
    assert height % STEP == width % STEP == 0 and f"--size {height}x{width}" in str(error.value)
    assert estimate(replace(one, height=height, width=width), engine, MIB, 40 * MIB).total <= limit


@pytest.mark.parametrize(
    ("kind", "precision", "size"),
    [
        ("tflite", "int8", (192, 256)),
        ("tflite", "int8", (512, 1024)),
        ("tflite", "int8", (1024, 2048)),
        ("tflite", "fp32", (512, 1024)),
        ("onnx", "int8", (512, 1024)),
        ("onnx", "fp32", (360, 480)),
    ],
)
def test_estimates_are_near_the_measured_peak(tmp_path: Path, kind: str, precision: str, size: tuple[int, int]) -> None:
    path = exported(tmp_path, kind, precision, size)
    of, engine = describe_model(path)
    found = peak_of_call(predict, str(path), 1)
    estimated = estimate(of, engine, path.stat().st_size, found["before"]).total
    assert abs(estimated / found["peak"] - 1) <= TOLERANCE[engine]


def test_the_bundled_model_is_described_without_loading_it() -> None:
    of, engine = describe_model(bundled_model())
    assert (of.precision, engine) == ("int8", "tflite")


@pytest.mark.slow
@pytest.mark.parametrize("drawing", [False, True])
@pytest.mark.parametrize(
    "work", ["picture 1920x1080", "picture 4000x3000", "folder 1920x1080", "folder 4000x3000", "camera 1280x720"]
)
def test_runs_are_near_their_estimates(tmp_path: Path, work: str, drawing: bool) -> None:
    assert _off(tmp_path, work, drawing) <= 0.1


def _off(tmp_path: Path, work: str, drawing: bool, blurring: bool = False, smoothing: bool = False) -> float:
    """How far the estimate of a run is from its measured peak, as a part of it; ``work``: kind and size of frames."""
    kind, _, extent = work.partition(" ")
    width, height = map(int, extent.split("x"))
    source = None
    if kind != "camera":
        picture = Image.fromarray(random_image(height // 8, width // 8)).resize((width, height))
        for number in range(4 if kind == "folder" else 1):
            picture.save(tmp_path / f"{number}.jpg", quality=90)
        source = tmp_path if kind == "folder" else tmp_path / "0.jpg"
    camera = (width, height) if kind == "camera" else None
    model = bundled_model()
    probe = Probe(str(model), 1, source and str(source), camera, drawing, blurring=blurring, smoothing=smoothing)
    found = measure(probe)
    of, engine = describe_model(model)
    planned = workload_of([source] if source else [], drawing, camera)
    planned = planned._replace(blurring=blurring, smoothing=smoothing)
    estimated = estimate(of, engine, model.stat().st_size, found["before"], planned).total
    return float(abs(estimated / found["peak"] - 1))


def test_blurring_needs_more_for_any_source() -> None:
    for kind in (Kind.PICTURE, Kind.FOLDER, Kind.VIDEO, Kind.CAMERA):
        work = Workload((3000, 4000), kind, drawing=True)
        plain = estimate(spec(), "tflite", MIB, 40 * MIB, work).total
        assert estimate(spec(), "tflite", MIB, 40 * MIB, work._replace(blurring=True)).total > plain


@pytest.mark.slow
@pytest.mark.parametrize("work", ["picture 4000x3000", "folder 1920x1080", "camera 1280x720"])
def test_blurring_and_smoothing_runs_are_near_their_estimates(tmp_path: Path, work: str) -> None:
    assert _off(tmp_path, work, drawing=True, blurring=True, smoothing=True) <= 0.1


@pytest.mark.slow
@pytest.mark.parametrize("max_side", [None, 1000, 3000])
@pytest.mark.parametrize(
    ("suffix", "mode", "options"),
    [
        ("jpg", "RGB", {"orientation": 6}),
        ("jpg", "RGB", {"progressive": True, "subsampling": 0}),
        ("jpg", "L", {}),
        ("png", "RGB", {}),
        ("png", "L", {}),
        ("png", "I;16", {}),
        ("webp", "RGB", {"method": 0}),
        ("webp", "RGB", {"method": 0, "orientation": 6}),
        ("gif", "P", {}),
        ("tif", "RGB", {}),
        ("tif", "RGB", {"orientation": 6}),
        ("tif", "RGB", {"compression": "tiff_lzw"}),
        ("bmp", "RGB", {}),
    ],
)
def test_pictures_of_every_format_are_near_their_estimates(
    tmp_path: Path, suffix: str, mode: str, options: dict[str, object], max_side: int | None
) -> None:
    exif = Image.Exif()
    options = dict(options)
    exif[0x0112] = options.pop("orientation", 1)
    picture = Image.fromarray(random_image(375, 500)).resize((4000, 3000))
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    path = tmp_path / f"picture.{suffix}"
    picture = picture if mode in ("RGB", "I;16") else picture.convert(mode)
    picture.save(path, **options, **({} if suffix in ("gif", "bmp") else {"exif": exif}))
    model = bundled_model()
    found = measure(Probe(str(model), 1, str(path), drawing=True, max_side=max_side))
    of, engine = describe_model(model)
    work = workload_of([path], True, max_side=max_side)
    estimated = estimate(of, engine, model.stat().st_size, found["before"], work).total
    assert abs(estimated / found["peak"] - 1) <= 0.1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suffix", "limit"), [("jpg", 125), ("jpg", 105), ("png", 125), ("gif", 110), ("folder", 130), ("folder", 110)]
)
def test_the_advised_size_is_measured_below_the_limit(tmp_path: Path, suffix: str, limit: int) -> None:
    picture = Image.fromarray(random_image(375, 500)).resize((3600, 2700))
    for number in range(4 if suffix == "folder" else 1):
        picture.save(tmp_path / f"{number}.{'jpg' if suffix == 'folder' else suffix}")
    source = tmp_path if suffix == "folder" else tmp_path / f"0.{suffix}"
    model = bundled_model()
    of, engine = describe_model(model)
    before = measure(Probe(str(model), 1))["before"]
    with pytest.raises(UsageError) as refusal:
        require_fits(of, engine, model.stat().st_size, before or 0, limit * MIB, workload_of([source], True))
    side = int(re.findall(r"--max-size (\d+) would fit", str(refusal.value))[0])
    found = measure(Probe(str(model), 1, str(source), drawing=True, max_side=side))
    assert 0.8 * limit * MIB < found["peak"] <= limit * MIB
