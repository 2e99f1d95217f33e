"""The description inside an .onnx, read without the onnx package, and what damage does to it."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from fastscnn_edge.errors import ModelFileError
from fastscnn_edge.runtime.engines.base import LogitsQuantization
from fastscnn_edge.runtime.engines.onnx_file import metadata, read_onnx, seal
from tests.helpers import tiny


def sealed(logits: LogitsQuantization | None = None) -> bytes:
    """A one-node model with a description."""
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1]) for n in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", values[:1], values[1:])
    model = helper.make_model(graph, producer_name="test")
    helper.set_model_props(model, {"other": "ä" * 300, **metadata(tiny.spec(), logits)})
    return seal(model.SerializeToString())


@pytest.mark.parametrize("logits", [None, LogitsQuantization(0.1, -3)])
def test_round_trip(logits: LogitsQuantization | None, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(sealed(logits))
    assert read_onnx(path) == (tiny.spec(), logits)
    onnx.checker.check_model(onnx.load(path))


@pytest.mark.parametrize("scale", [None, "x", [], {}, True, 0, -1.0, float("nan"), float("inf"), 10**400])
def test_a_scale_that_is_none_is_refused(scale: object, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(sealed(LogitsQuantization(scale, 0)))  # type: ignore[arg-type]
    with pytest.raises(ModelFileError, match="not a complete model"):
        read_onnx(tmp_path / "m.onnx")


@pytest.mark.parametrize("zero_point", [None, "x", [], 0.5, True, -129, 256, 10**30])
def test_a_zero_point_that_is_none_is_refused(zero_point: object, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(sealed(LogitsQuantization(0.1, zero_point)))  # type: ignore[arg-type]
    with pytest.raises(ModelFileError, match="not a complete model"):
        read_onnx(tmp_path / "m.onnx")


@given(data=st.data())
def test_any_flipped_bit_is_found(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    body = bytearray(sealed())
    position = data.draw(st.integers(0, len(body) - 1))
    body[position] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path_factory.mktemp("damaged") / "m.onnx"
    path.write_bytes(body)
    with pytest.raises(ModelFileError):
        read_onnx(path)


@given(data=st.data())
def test_any_truncation_is_found(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    body = sealed()
    path = tmp_path_factory.mktemp("short") / "m.onnx"
    path.write_bytes(body[: data.draw(st.integers(0, len(body) - 1))])
    with pytest.raises(ModelFileError):
        read_onnx(path)


@given(body=st.binary(max_size=200))
def test_noise_is_refused(body: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("noise") / "m.onnx"
    path.write_bytes(body)
    with pytest.raises(ModelFileError, match=r"fastscnn-edge export --format onnx"):
        read_onnx(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="no such model"):
        read_onnx(tmp_path / "m.onnx")
