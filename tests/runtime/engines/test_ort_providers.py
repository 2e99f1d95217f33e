"""Which execution provider is asked for, without any GPU."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from fastscnn_edge.runtime.engines.ort_providers import (
    CPU,
    CUDA,
    TENSORRT,
    cache_folder,
    choose_providers,
    tensorrt_version,
)
from tests.helpers import tiny

INT8_AFFINE = tiny.spec()
INT8_SYMMETRIC = replace(tiny.spec(), scheme="symmetric")
FP16 = tiny.spec(precision="fp16")

GIB = 1 << 30


def names(available: list[str], spec) -> list[str]:
    return [name for name, _ in choose_providers(available, spec, Path("cache"), 4 * GIB)]


@pytest.mark.parametrize(
    ("available", "spec", "expected"),
    [
        ([TENSORRT, CUDA, CPU], INT8_SYMMETRIC, [TENSORRT, CUDA, CPU]),
        ([CPU, CUDA, TENSORRT], FP16, [TENSORRT, CUDA, CPU]),
        ([TENSORRT, CUDA, CPU], INT8_AFFINE, [CUDA, CPU]),
        ([CUDA, CPU], INT8_SYMMETRIC, [CUDA, CPU]),
        ([CPU], FP16, [CPU]),
        (["AzureExecutionProvider", CPU], FP16, [CPU]),
    ],
)
def test_order(available: list[str], spec, expected: list[str]) -> None:
    assert names(available, spec) == expected


@pytest.mark.parametrize(
    ("memory", "workspace"), [(2 * GIB, GIB // 2), (4 * GIB, GIB), (32 * GIB, 4 * GIB), (None, GIB)]
)
def test_tensorrt_leaves_the_board_its_memory(memory: int | None, workspace: int) -> None:
    (_, settings), *_ = choose_providers([TENSORRT, CPU], FP16, Path("cache"), memory)
    assert settings["trt_max_workspace_size"] == workspace
    assert settings["trt_engine_cache_enable"] and settings["trt_engine_cache_path"] == "cache"
    assert settings["trt_int8_enable"] is False


@pytest.mark.parametrize(("precision", "half"), [("fp32", False), ("fp16", True)])
def test_tensorrt_computes_in_the_precision_of_the_file(precision: str, half: bool) -> None:
    (_, settings), *_ = choose_providers([TENSORRT, CPU], tiny.spec(precision=precision), Path("cache"), 4 * GIB)
    assert settings["trt_fp16_enable"] is half


def test_engines_lie_beside_the_model_named_by_digest_and_versions(tmp_path: Path) -> None:
    folder = cache_folder(tmp_path / "street.onnx", "ab" * 32, "10.3.0", "1.22.0")
    assert folder == tmp_path / "street.engines" / "abababababababab-tensorrt-10.3.0-onnxruntime-1.22.0"
    assert folder != cache_folder(tmp_path / "street.onnx", "ab" * 32, "10.4.0", "1.22.0")
    assert folder != cache_folder(tmp_path / "street.onnx", "ab" * 32, "10.3.0", "1.23.0")
    assert folder != cache_folder(tmp_path / "street.onnx", "cd" * 32, "10.3.0", "1.22.0")


def test_a_model_in_a_folder_that_may_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = cache_folder(tmp_path / "street.onnx", "ab" * 32, None, "1.22.0")
    assert folder.is_relative_to(tmp_path / "cache" / "fastscnn_edge")


def test_version_comes_from_the_library_file(tmp_path: Path) -> None:
    for name in ("libnvinfer.so.8", "libnvinfer.so.8.6.2", "libnvinfer.so.10.3.0", "libnvinfer_plugin.so.99.0.0"):
        (tmp_path / name).touch()
    assert tensorrt_version([tmp_path]) == "10.3.0"
    assert tensorrt_version([tmp_path / "nothing"]) is None
