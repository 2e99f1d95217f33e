"""A quantized network as a file: every integer kept, other sizes served, damage refused."""

from __future__ import annotations

import dataclasses
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastscnn_edge.classes import generic
from fastscnn_edge.errors import CheckpointError
from fastscnn_edge.export.prepare import ExportSource, prepare
from fastscnn_edge.quantization.graph.evaluator import run
from fastscnn_edge.quantization.ptq.ptq import with_parameters
from fastscnn_edge.quantization.quantized_file import Origin, is_quantized_file, load_quantized, save_quantized
from fastscnn_edge.reference.checkpoint import load_checkpoint
from fastscnn_edge.spec import IMAGENET, INT8_NATIVE
from tests.helpers import random_image
from tests.quantization.networks import SIZE, quantized

CLASSES = generic(5)


@pytest.mark.parametrize("dialect", ["mmseg", "paper"])
def test_a_quantized_file_keeps_every_integer_and_fits_other_sizes(dialect: str, tmp_path: Path) -> None:
    graph, parameters, scheme = quantized(dialect, "affine", IMAGENET)
    integer = with_parameters(graph, parameters)
    path = tmp_path / "q.safetensors"
    origin = Origin(dialect, CLASSES, IMAGENET, "0" * 64, "test", SIZE)
    save_quantized(path, integer, scheme, origin)
    file = load_quantized(path)
    assert is_quantized_file(path)
    assert file.origin == origin
    back, real = file.graphs(scheme, *SIZE)
    for name, tensor in integer.tensors.items():
        if tensor.data is not None:
            np.testing.assert_array_equal(back.tensors[name].data, tensor.data)
        assert back.tensors[name].quantization.scale.tobytes() == tensor.quantization.scale.tobytes()
    assert not real.is_quantized
    larger, _ = file.graphs(scheme, 96, 160)
    assert run(larger, random_image(96, 160)).shape == (1, 12, 20, 5)


def rewritten(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """The file with ``change`` made to its description."""
    graph, parameters, scheme = quantized("mmseg", "affine")
    origin = Origin("mmseg", CLASSES, INT8_NATIVE, "0" * 64, "test", SIZE)
    save_quantized(path, with_parameters(graph, parameters), scheme, origin)
    data = path.read_bytes()
    (size,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + size])
    description = json.loads(header["__metadata__"]["fastscnn_edge"])
    change(description)
    header["__metadata__"]["fastscnn_edge"] = json.dumps(description)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + size :])
    return path


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(quantization=None),
        lambda d: d.update(quantization=[1]),
        lambda d: d["origin"].update(trained_size=[0, 64]),
        lambda d: d["origin"].update(trained_size=[64, 10**6]),
        lambda d: d["origin"].update(trained_size=["64", "96"]),
        lambda d: d["origin"].update(trained_size=[float("inf"), 64]),
        lambda d: d["origin"].update(normalization={"mean": [10**400, 0, 0], "std": [1, 1, 1]}),
        lambda d: d["quantization"]["activations"].update(stem=[1e-44, 0]),
    ],
)
def test_a_description_with_impossible_values_is_one_line(change, tmp_path: Path) -> None:
    path = rewritten(tmp_path / "q.safetensors", change)
    with pytest.raises(CheckpointError) as refused:
        prepare(ExportSource(path))
    assert "\n" not in str(refused.value)


def test_damaged_quantized_files_are_refused(tmp_path: Path) -> None:
    graph, parameters, scheme = quantized("mmseg", "affine")
    path = tmp_path / "q.safetensors"
    save_quantized(
        path,
        with_parameters(graph, parameters),
        scheme,
        Origin("mmseg", CLASSES, INT8_NATIVE, "0" * 64, "test", SIZE),
    )
    file = load_quantized(path)
    with pytest.raises(CheckpointError, match="stem/weight"):
        constants = {k: v for k, v in file.constants.items() if k != "stem/weight"}
        dataclasses.replace(file, constants=constants).graphs(scheme, *SIZE)
    with pytest.raises(CheckpointError, match="already quantized"):
        load_checkpoint(path)
    flipped = bytearray(path.read_bytes())
    flipped[-5] ^= 4
    path.write_bytes(flipped)
    with pytest.raises(CheckpointError, match="does not match its digest"):
        load_quantized(path)
    path.write_bytes(flipped[:1000])
    assert not is_quantized_file(path)
    with pytest.raises(CheckpointError, match="not a quantized network"):
        load_quantized(path)
