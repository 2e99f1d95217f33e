"""The whole way from a checkpoint to a verified .tflite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from .._version import __version__
from ..errors import CheckpointError, UsageError
from ..files import atomic_path
from ..quantization.calibrate import calibration_files, load_for, observe
from ..quantization.graph import Graph
from ..quantization.lower import lower
from ..quantization.mixed import description as mixed_layers
from ..quantization.mixed import int16_activations, keep_float, select
from ..quantization.ptq import quantize_graph, with_parameters
from ..quantization.quantized_file import is_quantized_file, load_quantized
from ..quantization.scheme import AFFINE, SCHEMES
from ..quantization.stored import from_plain
from ..reference.checkpoint import Checkpoint, load_checkpoint
from ..reference.model import DIALECTS
from ..runtime.artifact import attach_spec
from ..spec import ClassSet, ModelSpec, Normalisation
from .precision import halve, quantize_weights
from .tflite import write_tflite
from .verify import Verification, verify

PRECISIONS = ("int8", "fp32", "fp16", "dynamic")

VERIFICATION_PICTURES = 4


@dataclass(frozen=True)
class Request:
    """What to export.

    Attributes:
        size: (height, width) in pixels; None takes what the checkpoint was trained at, else 512x1024.
        calibration: folder of pictures; int8 needs it unless the checkpoint carries scales, the others
            use it only to verify.
        keep_float, int16_activations: layers of an int8 file that are not to be int8, as patterns of names
            (:func:`..quantization.mixed.select`).
    """

    checkpoint: Path
    out: Path
    precision: str = "int8"
    size: tuple[int, int] | None = None
    calibration: Path | None = None
    calibration_count: int = 32
    keep_float: tuple[str, ...] = ()
    int16_activations: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Prepared:
    """A graph at the wanted precision, the float graph it is compared with, and what describes them."""

    graph: Graph
    float_graph: Graph
    pictures: Sequence[np.ndarray]
    classes: ClassSet
    normalisation: Normalisation
    dialect: str
    preset: str
    sha256: str


def export_tflite(request: Request) -> tuple[ModelSpec, Verification]:
    """Convert, write and verify; the file appears only if it passed.

    Raises:
        UsageError: int8 without calibration pictures or scales, a float format of quantized weights, or layers
            named that are not there or cannot be changed.
        CheckpointError, SourceError, OutputError: as their names say.
    """
    if request.precision not in PRECISIONS:
        raise UsageError(f"unknown precision '{request.precision}'; one of: {', '.join(PRECISIONS)}")
    if request.precision != "int8" and (request.keep_float or request.int16_activations):
        raise UsageError("--keep-float and --int16-activations are for --precision int8")
    quantized = is_quantized_file(request.checkpoint)
    prepared = _mixed(_from_quantized(request) if quantized else _from_float(request), request)
    _, height, width, _ = prepared.graph.tensors[prepared.graph.input].shape
    spec = ModelSpec(
        height=height,
        width=width,
        classes=prepared.classes,
        normalisation=prepared.normalisation,
        dialect=prepared.dialect,
        align_corners=DIALECTS[prepared.dialect].align_corners,
        precision=request.precision,
        preset=prepared.preset,
        checkpoint_sha256=prepared.sha256,
        version=__version__,
    )
    with atomic_path(request.out) as temporary:
        description = f"Fast-SCNN {request.precision} {height}x{width}, fastscnn_edge {__version__}"
        if layers := mixed_layers(prepared.graph):
            description += f"; {layers}"
        temporary.write_bytes(attach_spec(write_tflite(prepared.graph, description), spec))
        result = verify(temporary, prepared.graph, prepared.float_graph, prepared.pictures[:VERIFICATION_PICTURES])
    return spec, result


def _mixed(prepared: _Prepared, request: Request) -> _Prepared:
    graph = keep_float(prepared.graph, prepared.float_graph, request.keep_float)
    return replace(prepared, graph=int16_activations(graph, request.int16_activations))


def _from_float(request: Request) -> _Prepared:
    checkpoint = load_checkpoint(request.checkpoint)
    if request.precision == "int8" and request.calibration is None and not checkpoint.quantization:
        raise UsageError("int8 needs --calibration, a folder of 8 or more typical pictures")
    float_graph = lower(checkpoint.model, checkpoint.normalisation, *(request.size or checkpoint.trained_size))
    select(float_graph, (*request.keep_float, *request.int16_activations))  # a slip is better told before calibration
    pictures = _pictures(request, float_graph)
    return _Prepared(
        _at_precision(float_graph, request, checkpoint, pictures), float_graph, pictures, checkpoint.classes,
        checkpoint.normalisation, checkpoint.model.dialect.name,
        AFFINE.name if request.precision == "int8" else "float", checkpoint.sha256,
    )


def _from_quantized(request: Request) -> _Prepared:
    file = load_quantized(request.checkpoint)
    if request.precision != "int8":
        raise UsageError(f"{request.checkpoint} is quantized: export int8, or start from its float checkpoint")
    if file.scheme not in SCHEMES:
        raise CheckpointError(f"{request.checkpoint} is of the unknown scheme '{file.scheme}'")
    graph, float_graph = file.graphs(SCHEMES[file.scheme], *(request.size or file.origin.trained_size))
    origin = file.origin
    return _Prepared(graph, float_graph, _pictures(request, graph), origin.classes, origin.normalisation,
                     origin.dialect, file.scheme, file.sha256)


def _at_precision(graph: Graph, request: Request, checkpoint: Checkpoint, pictures: Sequence[np.ndarray]) -> Graph:
    if request.precision != "int8":
        return {"fp32": lambda g: g, "fp16": halve, "dynamic": quantize_weights}[request.precision](graph)
    if request.calibration is None:
        return with_parameters(graph, from_plain(checkpoint.quantization, graph, AFFINE), AFFINE)
    return quantize_graph(graph, observe(graph, tqdm(pictures, "calibrate", leave=False, disable=None)))


def _pictures(request: Request, graph: Graph) -> list[np.ndarray]:
    if request.calibration is None:
        return [synthetic_picture(*graph.tensors[graph.input].shape[1:3])]
    files = calibration_files(request.calibration, request.calibration_count)
    return [load_for(graph, file) for file in tqdm(files, "read pictures", leave=False, disable=None)]


def synthetic_picture(height: int, width: int) -> np.ndarray:
    """RGB uint8 [height, width, 3] for verification where no picture was given: waves and noise, always the same."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / (7 + 5 * c) + y / (11 + 3 * c)) * 90 + 128 for c in range(3)]
    return (np.stack(waves, -1) + rng.normal(0, 12, (height, width, 3))).clip(0, 255).astype(np.uint8)
