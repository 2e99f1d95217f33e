"""All files that the contestants load, for one checkpoint and one size; made once and kept."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fastscnn_edge.export.prepare import ExportSource, Prepared, prepare
from fastscnn_edge.files import sha256
from fastscnn_edge.quantization.calibration.calibration_images import load_image
from fastscnn_edge.quantization.calibration.scheme import AFFINE
from fastscnn_edge.quantization.quantized_file import Origin, save_quantized
from tools.peers.convert.calibration import Calibration
from tools.peers.engines.common import FrameFormat
from tools.peers.environment import EXECUTORCH, MNN, NCNN, ONNX2TF, OPENVINO, Environment, python_of
from tools.peers.process import NotRunError, run_module

from .build_ours import build_ours
from .build_stock import build_stock

RECIPE = "accurate"
CALIBRATION_IMAGES = 16
FRAMES = 4


@dataclass(frozen=True)
class Inputs:
    """Inputs of a comparison.

    Attributes:
        checkpoint: float weights.
        calibration: folder of images for the calibration of every INT8 contestant.
        images: files to segment.
    """

    checkpoint: Path
    calibration: Path
    images: Sequence[Path]


@dataclass(frozen=True)
class Built:
    """A folder of files for one size.

    Attributes:
        frames: raw uint8 frames, [FRAMES, H, W, 3].
        problems: model file -> why it could not be made.
    """

    folder: Path
    checkpoint: Path
    prepared: Prepared
    frames: Path
    problems: dict[str, str]

    @property
    def frame_format(self) -> FrameFormat:
        """Size and normalization of the frames."""
        normalization = self.prepared.normalization
        return FrameFormat(*self.prepared.size, normalization.mean, normalization.std)


class _Conversion(NamedTuple):
    """A model file, and the module of :mod:`tools.peers.convert` that writes it."""

    out: str
    environment: Environment
    module: str
    arguments: Sequence[str | Path]


def build(inputs: Inputs, size: tuple[int, int], models: Collection[str], cache: Path) -> Built:
    """Write every file for ``size`` (height, width); other engines convert only the files named in ``models``."""
    digest = sha256(inputs.checkpoint)[:12]
    folder = cache / "models" / f"{digest}-{size[0]}x{size[1]}"
    folder.mkdir(parents=True, exist_ok=True)
    prepared = prepare(ExportSource(inputs.checkpoint, "fp32", size, inputs.calibration, CALIBRATION_IMAGES))
    frames = folder / "frames.raw"
    np.stack([load_image(prepared.graph, file) for file in inputs.images[:FRAMES]]).tofile(frames)
    # Ours are never cached: the code that writes them is under development.
    with _timed_step(f"our files for {size[0]}x{size[1]}"):
        build_ours(folder, inputs.checkpoint, _quantized(inputs, cache / "models" / digest), size)
    if not (folder / "stock_int8.onnx").is_file():
        with _timed_step(f"torch.onnx.export and quantize_static, {size[0]}x{size[1]}"):
            build_stock(folder, inputs.checkpoint, prepared)
    checkpoint = inputs.checkpoint.resolve()
    return Built(folder, checkpoint, prepared, frames, _convert(folder, checkpoint, prepared, models, cache))


def _quantized(inputs: Inputs, folder: Path) -> Path:
    """``fastscnn-edge quantize`` at the size the checkpoint was trained at; it serves every size."""
    path = folder / f"{RECIPE}.safetensors"
    if not path.is_file():
        with _timed_step("quantizing"):
            source = ExportSource(inputs.checkpoint, "int8", None, inputs.calibration, CALIBRATION_IMAGES, RECIPE)
            made = prepare(source)
            origin = Origin(
                made.dialect,
                made.classes,
                made.normalization,
                made.sha256,
                f"ptq {RECIPE}, {len(made.images)} pictures",
                made.size,
            )
            save_quantized(path, made.graph, AFFINE, origin)
    return path


def _convert(
    folder: Path, checkpoint: Path, prepared: Prepared, models: Collection[str], cache: Path
) -> dict[str, str]:
    """Write those of ``models`` that other engines convert; returns which failed, and why."""
    calibration = folder / "calibration.npz"
    if not calibration.is_file():
        mean, std = (np.array(values) for values in (prepared.normalization.mean, prepared.normalization.std))
        Calibration(np.stack(list(prepared.images)), mean, std).write(calibration)
    classes, logits = folder / "stock_classes.onnx", folder / "stock_logits.onnx"
    conversions = [
        _Conversion("openvino_int8.xml", OPENVINO, "openvino_int8", [classes, calibration]),
        _Conversion("ncnn.param", NCNN, "ncnn", ["fp32", logits]),
        _Conversion("ncnn_fp16.param", NCNN, "ncnn", ["fp16", logits]),
        _Conversion("mnn.mnn", MNN, "mnn", [classes]),
        _Conversion("mnn_int8.mnn", MNN, "mnn_int8", [classes, calibration]),
        _Conversion("executorch_int8.pte", EXECUTORCH, "executorch_int8", [checkpoint, calibration]),
        _Conversion("onnx2tf_int8.tflite", ONNX2TF, "onnx2tf_int8", [classes, calibration]),
    ]
    problems = {}
    for out, environment, module, arguments in conversions:
        path = folder / out
        if out not in models or path.is_file():
            continue
        try:
            with _timed_step(f"{out} for {prepared.size[0]}x{prepared.size[1]}"):
                python = python_of(environment, cache)
                run_module(python, f"convert.{module}", [*arguments, path], folder / f"{out}.log")
        except NotRunError as error:
            path.unlink(missing_ok=True)
            problems[out] = str(error)
    return problems


@contextmanager
def _timed_step(what: str) -> Iterator[None]:
    """Print the duration of a slow step."""
    start = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - start:.0f} s", file=sys.stderr)
