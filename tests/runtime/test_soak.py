"""The soak test itself, short: it passes here, and it would notice a leak."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from fastscnn_edge.runtime.sources import Frame

SOAK = Path(__file__).parents[2] / "device_tests/soak.py"


@pytest.fixture(scope="module")
def soak() -> ModuleType:
    specification = importlib.util.spec_from_file_location("soak", SOAK)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["soak"] = module
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize("format", ["MJPG", "YUYV"])
def test_memory_does_not_grow(
    soak: ModuleType, tiny_model: Path, capsys: pytest.CaptureFixture[str], format: str
) -> None:
    status = soak.main(["--frames", "200", "--model", str(tiny_model), "--format", format])
    result = json.loads(capsys.readouterr().out)
    assert (status, result["passed"], result["frames"]) == (0, True, 200), result
    assert result["drawn"] > 20


def test_a_leak_is_noticed(soak: ModuleType, tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept: list[bytes] = []

    def leak(frame: Frame, classes: np.ndarray) -> None:
        kept.append(b"x" * 200_000)

    assert soak.main(["--frames", "150", "--model", str(tiny_model)], also=[leak]) == 1
    assert json.loads(capsys.readouterr().out)["growth"] > 1 << 20


def test_growth_ignores_warm_up(soak: ModuleType) -> None:
    sizes = [*range(0, 200), *[200] * 700, *[203] * 100]
    assert soak.growth(sizes) == {"settled": 200, "end": 203, "growth": 3}
    assert soak.growth([5]) == {"settled": 5, "end": 5, "growth": 0}
