"""The soak test itself, short: it passes here, and it would notice a leak."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SOAK = Path(__file__).parents[2] / "device_tests/soak.py"


@pytest.fixture(scope="module")
def soak() -> ModuleType:
    specification = importlib.util.spec_from_file_location("soak", SOAK)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["soak"] = module
    specification.loader.exec_module(module)
    return module


# A process of its own: where other tests have run, the heap has holes in which a leak would hide.
LEAKY = """
import sys; sys.path.insert(0, sys.argv.pop(1))
import soak
kept = []
sys.exit(soak.main(sys.argv[1:], also=[lambda result: kept.append(b"x" * 200_000)]))
"""


def run(*command: str) -> tuple[int, dict]:
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("format", ["MJPG", "YUYV"])
def test_memory_does_not_grow(tiny_model: Path, format: str) -> None:
    status, result = run(str(SOAK), "--frames", "400", "--model", str(tiny_model), "--format", format)
    assert (status, result["passed"], result["frames"]) == (0, True, 400), result
    assert result["drawn"] > 40


@pytest.mark.slow
def test_a_leak_is_noticed(tiny_model: Path) -> None:
    status, result = run("-c", LEAKY, str(SOAK.parent), "--frames", "150", "--model", str(tiny_model))
    assert (status, result["passed"]) == (1, False), result


def test_growth_ignores_warm_up(soak: ModuleType) -> None:
    sizes = [*range(0, 200), *[200] * 700, *[203] * 100]
    assert soak.growth(sizes) == {"settled": 200, "end": 203, "growth": 3}
    assert soak.growth([5]) == {"settled": 5, "end": 5, "growth": 0}
