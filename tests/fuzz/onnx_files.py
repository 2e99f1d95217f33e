"""Forged .onnx files, with the right digest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastscnn_edge.runtime.engines.onnx_file import BLANK_DIGEST, metadata, seal
from fastscnn_edge.spec import INT8_NATIVE
from tests.fuzz.json_edits import mutate_json
from tests.fuzz.mutations import interesting, mutate_bytes
from tests.fuzz.narrow import narrow_graphs, spec_of
from tests.fuzz.reader import Reader
from tests.fuzz.tflite import read_model_file

_KINDS = (("mmseg fp32", "ort-x86"), ("mmseg int8", "ort-x86"), ("paper int8", "tensorrt"), ("fp16", "ort-x86"))


class OnnxReader(Reader):
    """Files as ONNX Runtime gets them, and their descriptions."""

    name, suffix = "onnx", ".onnx"

    def seeds(self, folder: Path) -> list[bytes]:
        from fastscnn_edge.export.convert import _logits
        from fastscnn_edge.export.to_onnx.options import OnnxOptions
        from fastscnn_edge.export.to_onnx.writer import write_onnx

        files = []
        for name, target in _KINDS:
            graph = narrow_graphs()[name]
            entries = metadata(spec_of(name), _logits(graph))
            model = write_onnx(graph, OnnxOptions(target=target), INT8_NATIVE, "paper" in name, entries)
            files.append(seal(model.SerializeToString()))
        return files

    def mutate(self, rng: np.random.Generator, seeds: Sequence[bytes]) -> bytes:
        seed = seeds[int(rng.integers(len(seeds)))]
        changed = _edit(rng, seed) if rng.random() < 0.5 else mutate_bytes(rng, seed, seeds)
        return _sealed(changed)

    def read(self, path: Path) -> None:
        from fastscnn_edge.runtime.engines.open import describe_model

        describe_model(path)
        read_model_file(path)


def _sealed(data: bytes) -> bytes:
    """Put the right digest where one is still found."""
    at = data.rfind(b"sha256\x12\x40")
    if at < 0 or len(data) < at + 72:
        return data
    blank = data[: at + 8] + BLANK_DIGEST.encode() + data[at + 72 :]
    return seal(blank)


def _edit(rng: np.random.Generator, data: bytes) -> bytes:
    """Change a field by its meaning."""
    import onnx

    model = onnx.ModelProto.FromString(data)
    try:
        for _ in range(int(rng.choice([1, 1, 2]))):
            _one(rng, _EDITS)(rng, model)
        return model.SerializeToString()
    except Exception:  # such a value cannot be written: change bytes instead
        return mutate_bytes(rng, data, [])


def _one(rng: np.random.Generator, values: Sequence[Any]) -> Any:
    return values[int(rng.integers(len(values)))]


def _initializer(rng: np.random.Generator, model: Any) -> None:
    tensor = _one(rng, model.graph.initializer)
    choice = int(rng.integers(4))
    if choice == 0 and tensor.dims:
        tensor.dims[int(rng.integers(len(tensor.dims)))] = interesting(rng)
    elif choice == 1:
        tensor.data_type = int(rng.integers(0, 24))
    elif choice == 2:
        tensor.raw_data = tensor.raw_data[: int(rng.integers(len(tensor.raw_data) + 1))]
    elif len(tensor.raw_data) <= 64 and len(tensor.raw_data) % 8 == 0 and tensor.raw_data:
        values = np.frombuffer(tensor.raw_data, np.int64).copy()
        values[int(rng.integers(len(values)))] = interesting(rng)
        tensor.raw_data = values.tobytes()
    else:
        tensor.dims.append(interesting(rng))


def _node(rng: np.random.Generator, model: Any) -> None:
    node = _one(rng, model.graph.node)
    choice = int(rng.integers(5))
    if choice == 0:
        node.input[int(rng.integers(len(node.input)))] = _one(rng, _one(rng, model.graph.node).output)
    elif choice == 1:
        node.op_type = _one(
            rng, ("Add", "Conv", "Loop", "If", "Resize", "Reshape", "Gather", "Expand", "Tile", "Nothing")
        )
    elif choice == 2:
        del node.input[int(rng.integers(len(node.input)))]
    elif choice == 3:
        node.output[0] = _one(rng, _one(rng, model.graph.node).output)
    else:
        node.domain = _one(rng, ("", "com.microsoft", "x", "ai.onnx.ml"))


def _attribute(rng: np.random.Generator, model: Any) -> None:
    node = _one(rng, [n for n in model.graph.node if n.attribute])
    attribute = _one(rng, node.attribute)
    if attribute.ints:
        attribute.ints[int(rng.integers(len(attribute.ints)))] = interesting(rng)
    elif attribute.s:
        attribute.s = mutate_bytes(rng, attribute.s, [])
    else:
        attribute.i = interesting(rng)


def _shape(rng: np.random.Generator, model: Any) -> None:
    value = _one(rng, [*model.graph.input, *model.graph.output, *model.graph.value_info])
    dims = value.type.tensor_type.shape.dim
    _one(rng, dims).dim_value = interesting(rng)
    if rng.random() < 0.2:
        value.type.tensor_type.elem_type = int(rng.integers(0, 24))


def _versions(rng: np.random.Generator, model: Any) -> None:
    if rng.random() < 0.5:
        model.ir_version = interesting(rng)
    else:
        model.opset_import[0].version = interesting(rng)


def _description(rng: np.random.Generator, model: Any) -> None:
    import json

    entry = _one(rng, [e for e in model.metadata_props if e.key != "sha256"])
    try:
        entry.value = mutate_json(rng, json.loads(entry.value))
    except ValueError:
        entry.value = mutate_bytes(rng, entry.value.encode(), []).decode("utf-8", "replace")


def _external(rng: np.random.Generator, model: Any) -> None:
    """Weights in another file, which a stranger's model must not make us read."""
    tensor = _one(rng, model.graph.initializer)
    tensor.data_location = 1
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", _one(rng, ("/etc/passwd", "../../x", "case.onnx", "/dev/zero"))


_EDITS = (_initializer, _initializer, _node, _node, _attribute, _shape, _versions, _description, _external)
