"""The files that other engines get, and the logits they should compute from them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastscnn_edge.errors import FastSCNNEdgeError, UsageError
from fastscnn_edge.export.convert import ExportRequest, export_onnx
from fastscnn_edge.export.prepare import ExportSource
from fastscnn_edge.export.to_onnx.options import OnnxOptions
from fastscnn_edge.files import sha256

_CALIBRATION_IMAGES = 8


@dataclass(frozen=True)
class InteropModel:
    """A written file, or why there is none.

    Attributes:
        input: ``uint8`` frames or ``pixels``, float32 NCHW.
    """

    label: str
    path: Path
    input: str
    int8: bool
    problem: str | None = None


def write_models(
    checkpoint: Path, extent: tuple[int, int], calibration: Path | None, cache: Path
) -> list[InteropModel]:
    """The float file for each kind of input, and with calibration images the INT8 ones; kept in the cache."""
    folder = cache / "models" / f"{sha256(checkpoint)[:12]}-{extent[0]}x{extent[1]}"
    wanted: list[tuple[str, str, str, str | None]]
    wanted = [(f"fp32, --input {kind}", f"fp32_{kind}.onnx", kind, None) for kind in ("uint8", "pixels")]
    if calibration is not None:
        wanted += [(f"int8, --target {t}", f"int8_{t}.onnx", "uint8", t) for t in ("ort-x86", "ort-arm64", "tensorrt")]
    models = []
    for label, name, kind, target in wanted:
        # The scales of a calibrated checkpoint are of the affine scheme; TensorRT's need images.
        images = calibration if target == "tensorrt" else None
        source = ExportSource(checkpoint, "int8" if target else "fp32", extent, images, _CALIBRATION_IMAGES)
        problem = None
        try:
            if not (folder / name).is_file():
                print(f"export {label}", file=sys.stderr)
                export_onnx(ExportRequest(source, folder / name, target, OnnxOptions(kind)))
        except FastSCNNEdgeError as error:
            if target is None:
                raise
            problem = f"export: {error}"
        models.append(InteropModel(label, folder / name, kind, target is not None, problem))
    return models


def reference_logits(checkpoint: Path, extent: tuple[int, int], files: Sequence[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Frames uint8 [N, H, W, 3], and the float evaluator's logits for them, float32 [N, C, h, w]."""
    from fastscnn_edge.quantization.calibration.calibration_images import load_image
    from fastscnn_edge.quantization.graph.evaluator import run
    from fastscnn_edge.quantization.graph.lower import lower
    from fastscnn_edge.reference.checkpoint import load_checkpoint

    loaded = load_checkpoint(checkpoint)
    graph = lower(loaded.model, loaded.normalization, *extent)
    frames = np.stack([load_image(graph, file) for file in files])
    return frames, np.concatenate([run(graph, frame) for frame in frames]).transpose(0, 3, 1, 2)


def image_files(folders: Sequence[Path], limit: int) -> list[Path]:
    """At most ``limit`` files of each folder, spread evenly.

    Raises:
        UsageError: a folder has none.
    """
    files: list[Path] = []
    for folder in folders:
        found = sorted(p for p in folder.glob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
        if not found:
            raise UsageError(f"no pictures (.jpg, .png) in {folder}")
        files += [found[i] for i in np.unique(np.linspace(0, len(found) - 1, min(limit, len(found))).astype(int))]
    return files
