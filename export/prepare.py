"""Preparation of a graph at the wanted precision from a checkpoint, for any file format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from ..bench.frames import synthetic_frames
from ..errors import CheckpointError, UsageError
from ..quantization.activation_scales import scales_from_plain
from ..quantization.calibration.calibration_images import calibration_files, load_image
from ..quantization.calibration.scheme import AFFINE, SCHEMES, Scheme
from ..quantization.graph.graph import Graph
from ..quantization.graph.mixed_precision import int16_activations, keep_float, refuse_both, select
from ..quantization.ptq.ptq import with_parameters
from ..quantization.ptq.recipes import Quantized, quantize_both
from ..quantization.quantized_file import is_quantized_file, load_quantized
from ..reference.dialects import DIALECTS
from ..reference.loading import Loading, named_classes
from ..runtime.images import ImageReader
from ..spec import ClassSet, Normalization
from .precision import halve, quantize_weights

if TYPE_CHECKING:
    from ..reference.checkpoint import Checkpoint

PRECISIONS = ("int8", "fp32", "fp16", "dynamic")


@dataclass(frozen=True)
class ExportSource:
    """A checkpoint, and how to bring it to a graph.

    Attributes:
        size: (height, width) in pixels; None takes what the checkpoint was trained at, else 512x1024.
        calibration: folder of images; int8 needs it unless the checkpoint carries scales, the others
            use it only to verify.
        calibration_count: images taken from it; None: 32, less at sizes above 512x1024, where each has more to say.
        recipe: for post-training quantization, a key of :data:`..quantization.ptq.recipes.RECIPES`.
        keep_float, int16_activations: layers of an int8 file that are not to be int8, as patterns of names
            (:func:`..quantization.graph.mixed_precision.select`).
        reader: of the calibration images.
        loading: what the user states about the checkpoint.
        recursive: also the images in the subfolders of ``calibration``.
    """

    checkpoint: Path
    precision: str = "int8"
    size: tuple[int, int] | None = None
    calibration: Path | None = None
    calibration_count: int | None = None
    recipe: str = "fast"
    keep_float: tuple[str, ...] = ()
    int16_activations: tuple[str, ...] = ()
    reader: ImageReader = field(default_factory=ImageReader)
    loading: Loading = field(default_factory=Loading)
    recursive: bool = False


@dataclass(frozen=True)
class Prepared:
    """A graph at the wanted precision, the float graph it is compared with, and what describes them.

    Attributes:
        scheme: quantization scheme, ``float`` if nothing is quantized.
        sha256: digest of the checkpoint file.
    """

    graph: Graph
    float_graph: Graph
    images: Sequence[np.ndarray]
    classes: ClassSet
    normalization: Normalization
    dialect: str
    scheme: str
    sha256: str

    @property
    def align_corners(self) -> bool:
        return DIALECTS[self.dialect].align_corners

    @property
    def size(self) -> tuple[int, int]:
        _, height, width, _ = self.graph.tensors[self.graph.input].shape
        return height, width


def prepare(source: ExportSource, scheme: Scheme | None = None) -> Prepared:
    """Make the graph of ``source``.

    Args:
        scheme: required of int8; None takes the checkpoint's, else affine.

    Raises:
        UsageError: int8 without calibration images or scales, another scheme than the checkpoint's, or a float
            format of quantized weights, or layers named that are not there or cannot be changed.
        CheckpointError, SourceError: as their names say.
    """
    if source.precision not in PRECISIONS:
        raise UsageError(f"unknown precision '{source.precision}'; one of: {', '.join(PRECISIONS)}")
    if source.precision != "int8" and (source.keep_float or source.int16_activations):
        raise UsageError("--keep-float and --int16-activations are for --precision int8")
    held_back: list[str] = []  # warnings: an error shall be one line
    prepared = _from_either(replace(source, loading=replace(source.loading, warn=held_back.append)), scheme)
    graph = keep_float(prepared.graph, prepared.float_graph, source.keep_float)
    graph = int16_activations(graph, source.int16_activations)
    for warning in held_back:
        source.loading.warn(warning)
    return replace(prepared, graph=graph)


def _from_either(source: ExportSource, scheme: Scheme | None) -> Prepared:
    if is_quantized_file(source.checkpoint):
        return _from_quantized(source, scheme)
    return _from_float(source, scheme or AFFINE)


def _from_float(source: ExportSource, scheme: Scheme) -> Prepared:
    # Only float weights need torch: a quantized file is exported without it.
    from ..quantization.graph.lower import lower
    from ..reference.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(source.checkpoint, source.loading)
    int8 = source.precision == "int8"
    if int8 and source.calibration is None:
        _check_stored(source, checkpoint, scheme)
    float_graph = lower(checkpoint.model, checkpoint.normalization, *(source.size or checkpoint.trained_size))
    # Report a wrong choice of layers before the slow calibration.
    real, wide = (select(float_graph, names) for names in (source.keep_float, source.int16_activations))
    refuse_both(float_graph, real, wide)
    images = _images(source, float_graph)
    made = _at_precision(float_graph, source, checkpoint, scheme, images)
    return Prepared(
        made.integer,
        made.real,
        images,
        checkpoint.classes,
        checkpoint.normalization,
        checkpoint.model.dialect.name,
        scheme.name if int8 else "float",
        checkpoint.sha256,
    )


def _check_stored(source: ExportSource, checkpoint: Checkpoint, scheme: Scheme) -> None:
    if not checkpoint.quantization:
        raise UsageError("int8 needs --calibration, a folder of 8 or more typical pictures")
    stored = checkpoint.quantization.get("scheme")
    if stored in SCHEMES and stored != scheme.name:
        raise UsageError(
            f"{source.checkpoint} carries scales of the {stored} scheme, and this target needs the "
            f"{scheme.name} one: give --calibration, or start from 'fastscnn-edge quantize --scheme "
            f"{scheme.name}'"
        )


def _from_quantized(source: ExportSource, scheme: Scheme | None) -> Prepared:
    file = load_quantized(source.checkpoint)
    if source.precision != "int8":
        raise UsageError(f"{source.checkpoint} is quantized: export int8, or start from its float checkpoint")
    if file.scheme not in SCHEMES:
        raise CheckpointError(f"{source.checkpoint} is of the unknown scheme '{file.scheme}'")
    if scheme is not None and file.scheme != scheme.name:
        raise UsageError(
            f"{source.checkpoint} was quantized by the {file.scheme} scheme, and this target needs the "
            f"{scheme.name} one: make it with 'fastscnn-edge quantize --scheme {scheme.name}'"
        )
    graph, float_graph = file.graphs(SCHEMES[file.scheme], *(source.size or file.origin.trained_size))
    origin = file.origin
    return Prepared(
        graph,
        float_graph,
        _images(source, graph),
        named_classes(source.loading.classes, len(origin.classes), source.checkpoint) or origin.classes,
        origin.normalization,
        origin.dialect,
        file.scheme,
        file.sha256,
    )


def _at_precision(
    graph: Graph, source: ExportSource, checkpoint: Checkpoint, scheme: Scheme, images: Sequence[np.ndarray]
) -> Quantized:
    """The graph to write, and the float graph that its numbers stand for."""
    if source.precision != "int8":
        made = {"fp32": lambda g: g, "fp16": halve, "dynamic": quantize_weights}[source.precision](graph)
        return Quantized(graph, made)
    if source.calibration is None:
        parameters = scales_from_plain(checkpoint.quantization, graph, scheme)
        return Quantized(graph, with_parameters(graph, parameters))
    return quantize_both(graph, images, scheme, source.recipe)


def _images(source: ExportSource, graph: Graph) -> list[np.ndarray]:
    _, height, width, _ = graph.tensors[graph.input].shape
    if source.calibration is None:
        return synthetic_frames(height, width, 1)
    files = calibration_files(
        source.calibration,
        source.calibration_count or default_count(height, width),
        source.recursive,
        source.reader.warn,
    )
    return [load_image(graph, file, source.reader) for file in tqdm(files, "read pictures", leave=False, disable=None)]


def default_count(height: int, width: int) -> int:
    """Number of calibration images: 32 up to 512x1024, beyond it fewer for the same pixels, at least 8."""
    return int(np.clip(32 * 512 * 1024 // (height * width), 8, 32))
