"""Choice and settings of ONNX Runtime's execution providers on this machine.

TensorRT first, CUDA second, the CPU always last: ONNX Runtime gives each node to the first provider that accepts it.
Building a TensorRT engine takes minutes on a Jetson, so engines are cached beside the model, in a folder named after
the file's digest and the versions of TensorRT and ONNX Runtime: another file or version never loads a stale engine.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...spec import ModelSpec
from ...units import MIB

TENSORRT, CUDA, CPU = "TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"

Provider = tuple[str, dict[str, Any]]

_LIBRARY_FOLDERS = (Path("/usr/lib/aarch64-linux-gnu"), Path("/usr/lib/x86_64-linux-gnu"), Path("/usr/lib"))

_WORKSPACE_SHARE = 4
_MAX_WORKSPACE = 4096 * MIB
_UNKNOWN_BOARD = 4096 * MIB
"""Assumed memory of a board in bytes where the kernel does not report it."""


def choose_providers(available: Sequence[str], spec: ModelSpec, cache: Path, memory: int | None) -> list[Provider]:
    """Choose providers in order of preference, each with its settings; the CPU is always the last.

    Args:
        available: providers of this build of ONNX Runtime.
        spec: the model's description.
        cache: folder for TensorRT's engines.
        memory: total memory of the board in bytes, None if unknown.
    """
    chosen: list[Provider] = []
    if TENSORRT in available and tensorrt_takes(spec):
        chosen.append((TENSORRT, tensorrt_settings(spec, cache, memory)))
    if CUDA in available:
        chosen.append((CUDA, {}))
    return [*chosen, (CPU, {})]


def tensorrt_takes(spec: ModelSpec) -> bool:
    """Whether TensorRT can run the model: it refuses zero points, so int8 files must use the symmetric scheme."""
    return spec.precision != "int8" or spec.scheme == "symmetric"


def tensorrt_settings(spec: ModelSpec, cache: Path, memory: int | None) -> dict[str, Any]:
    """Options for ONNX Runtime's TensorRT provider."""
    return {
        "trt_engine_cache_enable": True,
        "trt_engine_cache_path": str(cache),
        "trt_timing_cache_enable": True,
        "trt_timing_cache_path": str(cache),
        # In an int8 file, fp16 is for the layers left in float; an fp32 file must run in fp32, as its report says.
        "trt_fp16_enable": spec.precision != "fp32",
        "trt_int8_enable": spec.precision == "int8",
        "trt_max_workspace_size": tensorrt_workspace(memory or _UNKNOWN_BOARD),
    }


def tensorrt_workspace(memory: int) -> int:
    """Bytes of scratch memory that TensorRT's builder may use: a quarter of the board's ``memory``, at most 4 GiB.

    CPU and GPU of a Jetson share their memory, and by default TensorRT may use all of it. On a 4 GB board the quarter
    is 1 GiB and leaves the rest to the builder itself, the camera and the desktop.
    """
    return min(memory // _WORKSPACE_SHARE, _MAX_WORKSPACE) // MIB * MIB


def cache_folder(model: Path, sha256: str, tensorrt: str | None, onnxruntime: str) -> Path:
    """Folder for the engines of ``model``: beside it, or in the user's cache if that is not writable.

    Args:
        model: path of the .onnx.
        sha256: digest of its content.
        tensorrt, onnxruntime: their versions; an engine is valid only for this pair.
    """
    name = f"{sha256[:16]}-tensorrt-{tensorrt or 'unknown'}-onnxruntime-{onnxruntime}"
    beside = model.resolve().parent
    if os.access(beside, os.W_OK):
        return beside / f"{model.stem}.engines" / name
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "fastscnn_edge" / "engines" / name


def tensorrt_version(folders: Sequence[Path] = _LIBRARY_FOLDERS) -> str | None:
    """Version of the installed library, from its file name (``libnvinfer.so.10.3.0``): nothing heavy is loaded."""
    found = [
        m.group(1)
        for folder in folders
        for path in folder.glob("libnvinfer.so.*")
        if (m := re.fullmatch(r"libnvinfer\.so\.(\d+(?:\.\d+)+)", path.name))
    ]
    return max(found, key=lambda text: [int(n) for n in text.split(".")], default=None)
