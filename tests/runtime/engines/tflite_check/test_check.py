"""Forged .tflite files with the right digest: refused in one line before an interpreter sees them."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastscnn_edge.errors import ModelFileError
from fastscnn_edge.runtime.engines.open import open_engine
from fastscnn_edge.runtime.engines.tflite_check import check, trial
from fastscnn_edge.runtime.engines.tflite_file import attach_spec, read_described
from tests.helpers import random_image, random_model, tiny

BUNDLED = Path(check.__file__).parents[3] / "weights" / "fastscnn_camvid_int8.tflite"


@pytest.fixture(autouse=True)
def no_child(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Files that were tried in a process of their own; none is, and all pass."""
    tried: list[Path] = []

    def try_model(path: Path, activations: int) -> str:
        tried.append(path)
        return ""

    monkeypatch.setattr(trial, "try_model", try_model)
    return tried


def forged(folder: Path, change: Callable[[Any, Any], None], precision: str = "int8") -> Path:
    """A model with ``change(model, graph)`` made to the schema's objects, with its right digest."""
    pytest.importorskip("flatbuffers")
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    spec = tiny.spec(precision=precision)
    model = schema.ModelT.InitFromPackedBuf(tiny.body(spec), 0)
    change(model, model.subgraphs[0])
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path = folder / "forged.tflite"
    path.write_bytes(attach_spec(bytes(builder.Output()), spec))
    return path


def set_item(values: Any, at: int, value: float) -> Any:
    result = np.array(values)
    result[at] = value
    return result


# What is forged -> (change, words of the message).
FORGERIES: dict[str, tuple[Callable[[Any, Any], None], str]] = {
    "input of 6 GB": (lambda m, g: setattr(g.tensors[0], "shape", [1, 40000, 50000, 3]), "its result is"),
    "negative extent": (lambda m, g: setattr(g.tensors[0], "shape", [1, -64, 96, 3]), "has the shape"),
    "nine dimensions": (lambda m, g: setattr(g.tensors[0], "shape", [1] * 9), "9 dimensions"),
    "larger weights": (lambda m, g: setattr(g.tensors[1], "shape", [11, 9, 9, 3]), "but has 33 bytes"),
    "buffer that is not there": (lambda m, g: setattr(g.tensors[1], "buffer", 99), "a buffer that is not there"),
    "truncated weights": (lambda m, g: setattr(m.buffers[1], "data", m.buffers[1].data[:5]), "but has 5 bytes"),
    "weights outside": (lambda m, g: setattr(m.buffers[1], "offset", 1 << 40), "outside the flatbuffer"),
    "input that is not there": (lambda m, g: setattr(g.operators[0], "inputs", [0, 1, 77]), "none of the 4"),
    "output as input": (lambda m, g: setattr(g.operators[0], "inputs", [3, 1, 2]), "no earlier one makes"),
    "operator without output": (lambda m, g: setattr(g.operators[0], "outputs", []), "no output"),
    "graph without output": (lambda m, g: setattr(g, "outputs", []), "never made"),
    "operator kind": (lambda m, g: setattr(g.operators[0], "opcodeIndex", 5), "1 are listed"),
    "stride of 0": (lambda m, g: setattr(g.operators[0].builtinOptions, "strideW", 0), "strides (8, 0)"),
    "padding 7": (lambda m, g: setattr(g.operators[0].builtinOptions, "padding", 7), "padding 7"),
    "other stride": (lambda m, g: setattr(g.operators[0].builtinOptions, "strideH", 4), "its result is"),
    "scale of 0": (lambda m, g: setattr(g.tensors[0].quantization, "scale", [0.0]), "no number above 0"),
    "scale that is no number": (
        lambda m, g: setattr(g.tensors[0].quantization, "scale", [np.nan]),
        "no number above 0",
    ),
    "many scales": (lambda m, g: setattr(g.tensors[1].quantization, "scale", [1.0] * 7), "7 scales and 1 zero"),
    "scales that do not fit": (lambda m, g: setattr(g.tensors[3].quantization, "scale", [1e-12]), "do not go together"),
    "zero point": (lambda m, g: setattr(g.tensors[0].quantization, "zeroPoint", [999]), "outside -128..127"),
    "scales along nothing": (lambda m, g: setattr(g.tensors[1].quantization, "quantizedDimension", 9), "dimension 9"),
    "signature": (lambda m, g: setattr(m, "signatureDefs", [signature(9)]), "no input or output"),
    "no graph": (lambda m, g: setattr(m, "subgraphs", []), "no graph"),
    "schema version": (lambda m, g: setattr(m, "version", 9), "schema version 9"),
}


def signature(tensor: int) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    entry, result = schema.TensorMapT(), schema.SignatureDefT()
    entry.name, entry.tensorIndex = b"image", tensor
    result.inputs, result.outputs, result.signatureKey = [entry], [], b"main"
    return result


FORGERIES |= {
    "million inputs": (
        lambda m, g: setattr(g.operators[0], "inputs", np.zeros(1_000_000, np.int32)),
        "1000000 entries",
    ),
    "million scales": (
        lambda m, g: setattr(g.tensors[1].quantization, "scale", np.ones(1_000_000, np.float32)),
        "1000000 entries",
    ),
    "name of a megabyte": (lambda m, g: setattr(g.tensors[0], "name", b"x" * 1_000_000), "1000000 entries"),
}
"""Lists that thousands of tables could share, so that reading each would take for ever."""


@pytest.mark.parametrize("kind", FORGERIES)
def test_a_forged_model_is_one_line(kind: str, tmp_path: Path, no_child: list[Path]) -> None:
    change, words = FORGERIES[kind]
    with pytest.raises(ModelFileError) as refused:
        open_engine(forged(tmp_path, change), 1)
    assert words in str(refused.value) and "\n" not in str(refused.value)
    assert no_child == []


def test_activations_that_no_picture_of_this_size_explains_are_refused(tmp_path: Path) -> None:
    """Consistent shapes, but 1.1 GB of them at 64x96."""
    path = tmp_path / "m.tflite"
    path.write_bytes(attach_spec(tiny.body(tiny.spec(16384, 16384)), tiny.spec()))
    with pytest.raises(ModelFileError, match="at 64x96 pixels at most 64 MB"):
        open_engine(path, 1)


STRANGE: dict[str, Callable[[Any, Any], None]] = {
    "operator 41": lambda m, g: setattr(m.operatorCodes[0], "builtinCode", 41),
    "CONV_2D of version 7": lambda m, g: setattr(m.operatorCodes[0], "version", 7),
    "field 5 of a tensor": lambda m, g: setattr(g.tensors[0], "isVariable", True),
    "CONV_2D with options of another operator": lambda m, g: setattr(g.operators[0], "builtinOptionsType", 9),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_what_we_never_write_is_tried_in_a_process_of_its_own(
    kind: str, tmp_path: Path, no_child: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = forged(tmp_path, STRANGE[kind])
    described = read_described(path)
    check.check_model(path, described.body_size, described.spec)
    assert no_child == [path]
    monkeypatch.setattr(trial, "try_model", lambda *_: "the interpreter crashes (SIGSEGV)")
    with pytest.raises(ModelFileError, match="never writes") as refused:
        check.check_model(path, described.body_size, described.spec)
    assert kind in str(refused.value) and "SIGSEGV" in str(refused.value)


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_our_own_files_pay_for_no_process(precision: str, tmp_path: Path, no_child: list[Path]) -> None:
    open_engine(tiny.write(tmp_path / "m.tflite", tiny.spec(precision=precision)), 1)
    open_engine(BUNDLED, 1)
    assert no_child == []


def test_the_weights_are_not_copied() -> None:
    described = read_described(BUNDLED)
    tracemalloc.start()
    check.check_model(BUNDLED, described.body_size, described.spec)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < described.body_size / 3


DIALECTS = ("mmseg", "paper")
SIZES = ((96, 128), (64, 33))


@pytest.mark.parametrize(("dialect", "size"), list(itertools.product(DIALECTS, SIZES)))
def test_every_kind_of_file_we_export_passes(
    dialect: str, size: tuple[int, int], tmp_path: Path, no_child: list[Path]
) -> None:
    pytest.importorskip("torch", reason="making a model needs torch")
    from fastscnn_edge.export.precision import halve, quantize_weights
    from fastscnn_edge.export.to_tflite.writer import write_tflite
    from fastscnn_edge.quantization.calibration.ranges import observe_ranges
    from fastscnn_edge.quantization.calibration.scheme import SCHEMES
    from fastscnn_edge.quantization.graph.lower import lower
    from fastscnn_edge.quantization.graph.mixed_precision import int16_activations, keep_float
    from fastscnn_edge.quantization.ptq.ptq import quantize_graph
    from fastscnn_edge.spec import IMAGENET, INT8_NATIVE

    graphs = []
    for normalization in (IMAGENET, INT8_NATIVE):
        graph = lower(random_model(dialect, 6), normalization, *size)
        graphs += [graph, halve(graph), quantize_weights(graph)]
        ranges = observe_ranges(graph, [random_image(*size)])
        for scheme in SCHEMES.values():
            int8 = quantize_graph(graph, ranges, scheme)
            graphs.append(int8)
            for layers in (["fusion/higher"], ["downsample*", "pyramid/*", "logits"], ["*"]):
                graphs += [int16_activations(int8, layers), keep_float(int8, graph, layers)]
    for graph in graphs:
        path = tmp_path / "m.tflite"
        body = write_tflite(graph, "test")
        path.write_bytes(body)
        check.check_model(path, len(body), tiny.spec(*size))
    assert no_child == []
