"""What is copied to a board runs with the device install alone."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "device_tests"
ALLOWED = {
    "probe.py": {"numpy", "PIL", "fastscnn_edge", "onnxruntime"},
    "smoke.py": {"numpy", "PIL", "fastscnn_edge"},
    "board_job.py": set(),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_imports(name: str) -> None:
    tree = ast.parse((FOLDER / name).read_text())
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a program on its own has no package around it"
            found.add((node.module or "").split(".")[0])
    assert found - set(sys.stdlib_module_names) <= ALLOWED[name]
