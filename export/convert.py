"""The whole way from a checkpoint to a verified file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from .._version import __version__
from ..errors import UsageError
from ..files import atomic_path
from ..quantization.calibration.scheme import SYMMETRIC
from ..quantization.graph.graph import Graph
from ..quantization.graph.mixed_precision import description as mixed_layers
from ..runtime.engines import onnx_file as onnx_artifact
from ..runtime.engines.base import LogitsQuantization
from ..runtime.engines.tflite_file import attach_spec
from ..spec import ModelSpec
from .prepare import ExportSource, Prepared, prepare
from .to_onnx.options import ORT_X86, TENSORRT, OnnxOptions
from .to_onnx.verify import OnnxVerification, verify_onnx
from .to_onnx.writer import write_onnx
from .to_tflite.verify import Verification, verify
from .to_tflite.writer import write_tflite

VERIFICATION_IMAGES = 4

MIN_DYNAMIC = 224
"""Smallest extent in pixels of an open size: below it a pyramid level can be as large as its target, and would not be
resized."""


@dataclass(frozen=True)
class ExportRequest:
    """An export: what, and to which file.

    Attributes:
        out: .tflite or .onnx.
        target: engine that an .onnx is written for, see :class:`.to_onnx.options.OnnxOptions`; None: ``tensorrt`` for
            weights quantized by the symmetric scheme, else ``ort-x86``.
        onnx: other options of an .onnx.
    """

    source: ExportSource
    out: Path
    target: str | None = None
    onnx: OnnxOptions = field(default_factory=OnnxOptions)


def export_tflite(request: ExportRequest) -> tuple[ModelSpec, Verification]:
    """Convert, write and verify; the file appears only if it passed.

    Raises:
        UsageError, CheckpointError, SourceError, OutputError: as their names say.
    """
    prepared = prepare(request.source)
    with atomic_path(request.out) as temporary:
        spec = write_tflite_file(temporary, prepared, request.source.precision)
        result = verify(temporary, prepared.graph, prepared.float_graph, prepared.images[:VERIFICATION_IMAGES])
    return spec, result


def export_onnx(request: ExportRequest) -> tuple[ModelSpec, OnnxVerification]:
    """Convert, write and verify an .onnx, as :func:`export_tflite` does a .tflite."""
    source = request.source
    if source.precision == "dynamic":
        raise UsageError("--precision dynamic is a .tflite's; an .onnx is int8, fp32 or fp16")
    if source.keep_float or source.int16_activations:
        # ONNX Runtime quantizes a float convolution between Dequantize and Quantize by itself.
        raise UsageError(
            "--keep-float and --int16-activations are for .tflite files: ONNX Runtime would round such a "
            "layer after all"
        )
    if request.onnx.dynamic_size and source.size and min(source.size) < MIN_DYNAMIC:
        raise UsageError(f"--dynamic size needs a typical --size of at least {MIN_DYNAMIC}x{MIN_DYNAMIC}")
    needs_symmetric = source.precision == "int8" and request.target == TENSORRT
    prepared = prepare(source, SYMMETRIC if needs_symmetric else None)
    options = replace(request.onnx, target=request.target or default_target(prepared.scheme))
    with atomic_path(request.out) as temporary:
        spec = write_onnx_file(temporary, prepared, source.precision, options)
        result = verify_onnx(temporary, prepared, options, VERIFICATION_IMAGES)
    return spec, result


def write_tflite_file(path: Path, prepared: Prepared, precision: str) -> ModelSpec:
    """Write a .tflite with its description, unverified."""
    spec = _spec(prepared, precision)
    description = f"Fast-SCNN {precision} {spec.height}x{spec.width}, fastscnn_edge {__version__}"
    if layers := mixed_layers(prepared.graph):
        description += f"; {layers}"
    path.write_bytes(attach_spec(write_tflite(prepared.graph, description), spec))
    return spec


def write_onnx_file(path: Path, prepared: Prepared, precision: str, options: OnnxOptions | None = None) -> ModelSpec:
    """Write an .onnx with its description, unverified; None: the default options for its scheme."""
    options = options or OnnxOptions(target=default_target(prepared.scheme))
    spec = _spec(prepared, precision, options.head)
    entries = onnx_artifact.metadata(spec, _logits(prepared.graph))
    model = write_onnx(prepared.graph, options, prepared.normalization, prepared.align_corners, entries)
    path.write_bytes(onnx_artifact.seal(model.SerializeToString()))
    return spec


def default_target(scheme: str) -> str:
    """Default target: TensorRT for integers without zero points, else one that runs anywhere."""
    return TENSORRT if scheme == SYMMETRIC.name else ORT_X86


def _spec(prepared: Prepared, precision: str, head: str = "logits") -> ModelSpec:
    height, width = prepared.size
    return ModelSpec(
        height=height,
        width=width,
        classes=prepared.classes,
        normalization=prepared.normalization,
        dialect=prepared.dialect,
        align_corners=prepared.align_corners,
        precision=precision,
        scheme=prepared.scheme,
        checkpoint_sha256=prepared.sha256,
        version=__version__,
        head=head,
    )


def _logits(graph: Graph) -> LogitsQuantization | None:
    quantization = graph.tensors[graph.output].quantization
    return None if quantization is None else LogitsQuantization(float(quantization.scale[0]), quantization.zero_point)
