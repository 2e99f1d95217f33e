"""An .onnx with absurd padding and the right digest is refused before ONNX Runtime takes memory for it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from fastscnn_edge.errors import ModelFileError
from fastscnn_edge.runtime.engines.onnx_check import check_padding
from fastscnn_edge.runtime.engines.onnx_file import BLANK_DIGEST, read_onnx, seal
from fastscnn_edge.runtime.pipeline.segmenter import WEIGHTS

onnx = pytest.importorskip("onnx", reason="onnx changes the model")

MODEL = WEIGHTS / "fastscnn_camvid_int8.onnx"


def _padded(pads: list[int]) -> bytes:
    model = onnx.load(MODEL)
    node = next(node for node in model.graph.node if node.op_type == "Conv")
    attribute = next(attribute for attribute in node.attribute if attribute.name == "pads")
    attribute.ints[:] = pads
    entry = next(entry for entry in model.metadata_props if entry.key == "sha256")
    entry.value = BLANK_DIGEST
    return seal(model.SerializeToString())


@pytest.mark.parametrize("pads", [[0, 0, 0, 1 << 20], [65, 0, 0, 0], [0, -1, 0, 0]])
def test_absurd_padding_is_refused(tmp_path: Path, pads: list[int]) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(_padded(pads))
    with pytest.raises(ModelFileError, match="not a complete model"):
        read_onnx(path)


def test_our_own_padding_is_not() -> None:
    data = MODEL.read_bytes()
    check_padding(io.BytesIO(data), len(data))
    check_padding(io.BytesIO(_padded([1, 1, 1, 1])), len(data))


def test_a_truncated_file_is_a_value_error() -> None:
    data = MODEL.read_bytes()
    with pytest.raises(ValueError, match=r"beyond|ends|wire"):
        check_padding(io.BytesIO(data[:5000]), 5000)
