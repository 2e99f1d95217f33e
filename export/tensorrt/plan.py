"""trtexec's command lines for one .onnx, by purpose and version. Nothing is run here.

Sources: trtexec's help of TensorRT 8.5, 8.6, 10.3 and a later 10.x (samples/common/sampleOptions.cpp); the release
notes of 10.12.0; the documentation's "Migrating trtexec Usage from TensorRT 10.x to 11.x"; for the DLA what
:func:`_dla_notes` names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from onnx import ModelProto, TensorProto

from ...errors import ModelFileError, UsageError
from ...runtime.engines.ort_providers import tensorrt_workspace
from ...units import MIB
from .index import Node, index_model
from .qdq import DEQUANTIZE, QUANTIZE

Version = tuple[int, ...]
Size = tuple[int, int]  # height, width in pixels


_STRONG = (10, 12)  # weak typing, so --int8 and --fp16, deprecated: release notes of 10.12.0
_STRONG_ALWAYS = (11,)  # and removed
_TYPE_NAMES: dict[int, str] = {
    TensorProto.FLOAT: "fp32",
    TensorProto.FLOAT16: "fp16",
    TensorProto.INT8: "int8",
    TensorProto.UINT8: "uint8",
    TensorProto.INT32: "int32",
    TensorProto.INT64: "int64",
    TensorProto.BOOL: "bool",
    TensorProto.BFLOAT16: "bf16",
}


@dataclass(frozen=True)
class Input:
    """A graph input; ``shape`` has None for an extent that the file leaves open."""

    name: str
    kind: int
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class Facts:
    """Facts about a model on which the command lines depend.

    Attributes:
        precision: ``int8`` (Q/DQ), ``fp16`` (most weights are) or ``fp32``.
        bilinear: whether some bilinear Resize is not half_pixel.
    """

    inputs: tuple[Input, ...]
    precision: str
    bilinear: bool


@dataclass(frozen=True)
class PlanRequest:
    """The user's choices.

    Attributes:
        memory: the board's memory in bytes.
        version: TensorRT's version, None if unknown.
        smallest, usual, largest: input sizes of a model that leaves them open.
        dla: DLA core, None for the GPU.
        level: builder optimization level 0 to 5, None for TensorRT's default.
    """

    memory: int
    version: Version | None = None
    smallest: Size | None = None
    usual: Size | None = None
    largest: Size | None = None
    dla: int | None = None
    level: int | None = None


@dataclass(frozen=True)
class Plan:
    """Arguments of trtexec without the program's name, and notes for the user."""

    model: Path
    engine: Path
    flags: tuple[str, ...]
    benchmark_flags: tuple[str, ...]
    notes: tuple[str, ...]

    def build(self, engine: Path | None = None) -> list[str]:
        """Arguments that build ``engine``, by default the plan's own."""
        return [f"--onnx={self.model}", f"--saveEngine={engine or self.engine}", *self.flags]

    def benchmark(self) -> list[str]:
        return [f"--loadEngine={self.engine}", *self.benchmark_flags]


def read_facts(model: ModelProto) -> Facts:
    """Read the facts of a model."""
    nodes = index_model(model)
    stored = {tensor.name for tensor in model.graph.initializer}
    inputs = tuple(
        Input(
            value.name,
            value.type.tensor_type.elem_type,
            tuple(d.dim_value if d.HasField("dim_value") else None for d in value.type.tensor_type.shape.dim),
        )
        for value in model.graph.input
        if value.name not in stored
    )
    return Facts(inputs, _precision(model, nodes), any(_bilinear_off_half_pixel(node) for node in nodes))


def make_plan(model: Path, sha256: str, facts: Facts, request: PlanRequest) -> Plan:
    """The command lines for ``model``, whose digest names the engine.

    Raises:
        UsageError: sizes are superfluous, missing or in the wrong order, or the version does not have an option.
        ModelFileError: an extent other than height or width is open.
    """
    version = request.version
    number = ".".join(map(str, version)) if version else ""
    shapes = _shapes(facts, request)
    if request.level is not None and version and version < (8, 6):
        raise UsageError(f"TensorRT {number} has no builder optimization level; leave --builder-optimization-level out")
    precision, notes = _precision_flags(facts.precision, version)
    dla = () if request.dla is None else (f"--useDLACore={request.dla}", "--allowGPUFallback")
    flags = (
        f"--timingCacheFile={model.parent / ('tensorrt' + (number and f'-{number}') + '.timing')}",
        *precision,
        *_input_types(facts.inputs),
        f"--memPoolSize=workspace:{tensorrt_workspace(request.memory) // MIB}",
        *(f"--{kind}Shapes={_joined(shapes, i)}" for i, kind in enumerate(("min", "opt", "max")) if shapes),
        *dla,
        *([] if request.level is None else [f"--builderOptimizationLevel={request.level}"]),
        "--buildOnly" if version and version < (8, 6) else "--skipInference",
    )
    benchmark = (
        *([f"--shapes={_joined(shapes, 1)}"] if shapes else []),
        *dla,
        # Milliseconds, seconds: long enough to leave the clock ramp behind and to see a board warm up.
        "--warmUp=2000",
        "--duration=60",
        "--useSpinWait",
        "--percentile=50,90,95,99",
    )
    tags = [
        model.stem,
        sha256[:12],
        *([f"trt{number}"] if number else []),
        *([f"dla{request.dla}"] if request.dla is not None else []),
        "engine",
    ]
    return Plan(model, model.with_name(".".join(tags)), flags, benchmark, (*notes, *_dla_notes(facts, request)))


def parse_banner(text: str) -> Version | None:
    """TensorRT's version from trtexec's first line: ``[TensorRT v8502]`` is 8.5.2, ``v100300`` is 10.3.0."""
    _, found, rest = text.partition("[TensorRT v")
    digits = rest.partition("]")[0]
    if not found or not digits.isdecimal():
        return None
    number = int(digits)
    if len(digits) <= 4:
        return number // 1000, number // 100 % 10, number % 100
    return number // 10000, number // 100 % 100, number % 100


def _precision(model: ModelProto, nodes: Sequence[Node]) -> str:
    if any(node.op in (QUANTIZE, DEQUANTIZE) for node in nodes):
        return "int8"
    elements = {TensorProto.FLOAT: 0, TensorProto.FLOAT16: 0}
    values = [a.t for node in nodes if node.op == "Constant" for a in node.proto.attribute if a.name == "value"]
    for tensor in [*model.graph.initializer, *values]:
        if tensor.data_type in elements:
            size = 1
            for extent in tensor.dims:
                size *= extent
            elements[tensor.data_type] += size
    return "fp16" if elements[TensorProto.FLOAT16] > elements[TensorProto.FLOAT] else "fp32"


def _precision_flags(precision: str, version: Version | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(flags, notes)"""
    what = {"int8": "an INT8 model (Q/DQ)", "fp16": "an fp16 model", "fp32": "an fp32 model"}[precision]
    weak = ("--int8", "--fp16") if precision == "int8" else ("--fp16",)
    if version is None:
        return weak, (
            f"{what}; flags for TensorRT before 10.12: later ones need --stronglyTyped, 11 neither: "
            "--tensorrt-version says which you have",
        )
    if version >= _STRONG_ALWAYS:
        hint = "; for fp16 export an fp16 file" if precision == "fp32" else ""
        return (), (f"{what}; TensorRT 11 takes types from the file and has no precision flags{hint}",)
    if version >= _STRONG and precision != "fp32":
        return ("--stronglyTyped",), (
            f"{what}; from 10.12 on --int8 and --fp16 are deprecated: --stronglyTyped takes "
            "types from the file, so what is not quantized stays as it is stored",
        )
    if precision == "fp32":
        return weak, (f"{what}; --fp16 lets TensorRT choose fp16 or fp32 a layer",)
    return weak, (
        f"{what}; before 10.12 flags allow types beside fp32"
        + (": the pairs fix what is int8, fp16 is for the rest" if precision == "int8" else ""),
    )


def _input_types(inputs: Sequence[Input]) -> list[str]:
    """One input format each: by default trtexec turns int8 into float (sampleEngines.cpp, "Default to kFLOAT")."""
    if all(i.kind != TensorProto.INT8 for i in inputs):
        return []
    return ["--inputIOFormats=" + ",".join(f"{_TYPE_NAMES.get(i.kind, 'fp32')}:chw" for i in inputs)]


def _shapes(facts: Facts, request: PlanRequest) -> list[tuple[str, tuple[tuple[int, ...], ...]]]:
    """(name, (smallest, usual, largest)) of every input whose extents are open."""
    open_inputs = [i for i in facts.inputs if None in i.shape]
    given = [size for size in (request.smallest, request.usual, request.largest) if size]
    spatial = any(None in i.shape[1:] for i in open_inputs)
    if given and not spatial:
        raise UsageError("the model's height and width are fixed; leave --min, --opt and --max out")
    if spatial and request.usual is None:
        raise UsageError("the model leaves height and width open; give --opt HxW, --min and --max where they differ")
    usual = request.usual or (0, 0)
    sizes = (request.smallest or usual, usual, request.largest or usual)
    if not all(a <= b <= c for a, b, c in zip(*sizes, strict=True)):
        raise UsageError("--min must not be above --opt, nor --opt above --max, in height or width")
    if request.dla is not None and len(set(sizes)) > 1:
        raise UsageError("a DLA has no dynamic shapes: give only --opt")
    return [(i.name, tuple(_filled(i, size) for size in sizes)) for i in open_inputs]


def _filled(value: Input, size: Size) -> tuple[int, ...]:
    """Fill in the open extents: the batch with 1, two others with height and width."""
    inner = value.shape[1:]
    if inner.count(None) not in (0, 2):
        extents = "x".join("?" if extent is None else str(extent) for extent in value.shape)
        raise ModelFileError(
            f"input {value.name} is {extents}: which of it is height and width is unclear; "
            "export it with only those and the batch open"
        )
    rest = iter(size)
    batch = 1 if value.shape[0] is None else value.shape[0]
    return (batch, *(next(rest) if extent is None else extent for extent in inner))


def _joined(shapes: Sequence[tuple[str, tuple[tuple[int, ...], ...]]], which: int) -> str:
    # trtexec splits at colons; a name that has one goes into quotes.
    return ",".join(f"{_quoted(name)}:{'x'.join(map(str, extents[which]))}" for name, extents in shapes)


def _quoted(name: str) -> str:
    return f"'{name}'" if ":" in name else name


def _bilinear_off_half_pixel(node: Node) -> bool:
    return (
        node.op == "Resize"
        and node.text("mode", "nearest") == "linear"
        and node.text("coordinate_transformation_mode", "half_pixel") != "half_pixel"
    )


def _dla_notes(facts: Facts, request: PlanRequest) -> list[str]:
    """Documented limits of a DLA that concern this model; each ends with its source."""
    if request.dla is None:
        return []
    notes = [
        "a layer the DLA cannot run goes to the GPU without an error; trtexec --verbose lists both "
        '(TensorRT documentation, "DLA Runtime Configuration", GPU Fallback Mode)'
    ]
    version = request.version
    if version and version[:2] > (10, 7) and version < (11, 4, 1):
        notes.append(
            'DLAs are not supported between TensorRT 10.7 and 11.4.1 ("DLA Runtime Configuration" of 11.3.0 and 11.4.1)'
        )
    if facts.precision == "int8" and (version is None or version < (10,)):
        notes.append(
            "DLAs of TensorRT 8 do not support explicit quantization, so Q/DQ layers go to the GPU; use an "
            "fp16 file (TensorRT issue 2222)"
        )
    if facts.precision == "fp32" and (version is None or version < _STRONG_ALWAYS):
        notes.append(
            'a DLA computes in fp16 or int8 only, so fp32 is rounded to fp16 ("DLA Supported Layers and Restrictions")'
        )
    if facts.bilinear:
        notes.append(
            "bilinear Resize runs there with half_pixel only, this model has another and goes to the GPU "
            "(trtexec's own warning, NVIDIA developer forum 219158)"
        )
    return notes
