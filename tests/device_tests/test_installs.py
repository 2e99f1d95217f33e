"""Which libraries a board gets, and from where."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_tests.installs import (
    DEBIAN,
    LITERT,
    ONNXRUNTIME,
    TFLITE_RUNTIME,
    Install,
    constraints,
    digest,
    package_of,
    python_refuses,
    requirements,
)
from device_tests.wheels import ARM64, ARMHF, platform_arguments


@pytest.mark.parametrize(
    ("install", "engine"),
    [
        (LITERT, "ai-edge-litert"),
        (TFLITE_RUNTIME, "tflite-runtime"),
        (ONNXRUNTIME, "onnxruntime"),
        (DEBIAN, "tflite-runtime"),
    ],
)
def test_an_install_has_one_engine(install: Install, engine: str) -> None:
    engines = {"ai-edge-litert", "tflite-runtime", "onnxruntime"}
    assert {package_of(r) for r in requirements(install)} & engines == {engine}


def test_what_the_system_brings_is_neither_required_nor_pinned() -> None:
    named = {package_of(line) for line in requirements(DEBIAN) + constraints(DEBIAN)}
    assert not named & {"numpy", "pillow"}


def test_tflite_runtime_gets_an_old_numpy() -> None:
    assert "numpy<2" in requirements(TFLITE_RUNTIME)
    assert not any(line.startswith("numpy==") for line in constraints(TFLITE_RUNTIME))


def test_other_requirements_are_another_install(tmp_path: Path) -> None:
    assert digest(LITERT) != digest(ONNXRUNTIME)
    assert digest(LITERT) == digest(LITERT)


def test_platforms_take_older_wheels_and_no_sources() -> None:
    words = platform_arguments(ARM64)
    assert words[0] == "--only-binary=:all:"
    assert words.index("manylinux_2_36_aarch64") < words.index("manylinux_2_17_aarch64")
    assert "manylinux_2_37_aarch64" not in words
    assert "manylinux_2_34_armv7l" in platform_arguments(ARMHF)


def test_refusals_say_why() -> None:
    assert python_refuses(LITERT, (3, 13), "aarch64") is None
    assert python_refuses(DEBIAN, (3, 11), "armv7l") is None
    assert "3.12" in (python_refuses(TFLITE_RUNTIME, (3, 12), "aarch64") or "")
    assert "armv7l" in (python_refuses(LITERT, (3, 11), "armv7l") or "")
    assert python_refuses(DEBIAN, (3, 11), "x86_64")
