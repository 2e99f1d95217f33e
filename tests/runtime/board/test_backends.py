"""Why this library and not that one."""

from __future__ import annotations

import pytest

from fastscnn_edge.runtime.board.backends import camera_choices, onnx_choice, onnx_target, tflite_choices


def versions(**known: str):
    return lambda package: known.get(package.replace("-", "_"))


@pytest.mark.parametrize(
    ("machine", "python", "known", "used", "reasons"),
    [
        ("aarch64", (3, 11), {"ai_edge_litert": "2.3.0", "numpy": "2.1"}, "ai-edge-litert", ["needs numpy 1"]),
        ("aarch64", (3, 13), {"ai_edge_litert": "2.3.0"}, "ai-edge-litert", ["end at Python 3.11, this is 3.13"]),
        ("aarch64", (3, 11), {"tflite_runtime": "2.14.0", "numpy": "1.26"}, "tflite-runtime", ["pip install"]),
        ("x86_64", (3, 11), {"tflite_runtime": "2.14.0", "numpy": "1.26"}, "tflite-runtime", ["many times slower"]),
        ("armv7l", (3, 11), {"numpy": "1.26"}, None, ["no wheels for armv7l", "tflite-legacy"]),
        ("aarch64", (3, 12), {}, None, ["pip install", "[tflite]'"]),
        ("aarch64", (3, 11), {"ai_edge_litert": "2.3.0", "tflite_runtime": "2.14.0"}, "ai-edge-litert", ["goes first"]),
    ],
)
def test_interpreters(machine, python, known, used, reasons) -> None:
    choices = tflite_choices(machine, python, versions(**known))
    assert [c.library for c in choices if c.used] == ([used] if used else [])
    text = " ".join(choice.reason for choice in choices)
    assert all(reason in text for reason in reasons), text


@pytest.mark.parametrize(
    ("features", "machine", "target", "why"),
    [
        (("asimddp",), "aarch64", "ort-arm64", "integer dot products"),
        ((), "aarch64", "ort-arm64", "no integer dot products"),
        (("avx2", "avx512_vnni"), "x86_64", "ort-x86", "has VNNI"),
        (("avx2",), "x86_64", "ort-x86", "no VNNI"),
    ],
)
def test_onnx_targets(features: tuple[str, ...], machine: str, target: str, why: str) -> None:
    found, reason = onnx_target(features, machine)
    assert found == target and why in reason


def test_the_gpu_build_goes_before_the_other() -> None:
    both = versions(onnxruntime="1.20", onnxruntime_gpu="1.20")
    assert onnx_choice(both).library == "onnxruntime-gpu"
    assert not onnx_choice(versions()).used


def test_cameras_and_what_they_lack() -> None:
    bare = camera_choices(versions(), lambda module: False, lambda program: None)
    assert [c.library for c in bare if c.used] == ["V4L2"]
    assert all("install" in c.reason for c in bare if not c.used)
    full = camera_choices(versions(av="18"), lambda module: True, lambda program: f"/usr/bin/{program}")
    assert all(c.used for c in full)
