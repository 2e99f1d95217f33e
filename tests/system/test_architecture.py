"""Who may import whom: the table of docs/architecture.md, held by reading the imports."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

HEAVY = {
    "torch",
    "tensorflow",
    "onnx",
    "onnxruntime",
    "flatbuffers",
    "tqdm",
    "safetensors",
    "ai_edge_litert",
    "tflite_runtime",
    "av",
    "picamera2",
}

# folder -> packages of ours it may use, third parties it may use
RULES = {
    "fastscnn_edge": ({"fastscnn_edge"}, {"numpy", "PIL"}),
    "fastscnn_edge/runtime": (
        {"fastscnn_edge"},
        {"numpy", "PIL", "ai_edge_litert", "tflite_runtime", "onnxruntime", "av"},
    ),
    "fastscnn_edge/runtime/cameras": ({"fastscnn_edge"}, {"numpy", "PIL", "picamera2"}),
    "fastscnn_edge/weights": (set(), set()),
    "fastscnn_edge/reference": (
        {"fastscnn_edge", "fastscnn_edge.reference"},
        {"numpy", "PIL", "torch", "safetensors", "tqdm"},
    ),
    "quantization": (
        {"fastscnn_edge", "fastscnn_edge.reference", "fastscnn_edge.quantization"},
        {"numpy", "torch", "tqdm", "safetensors", "PIL"},
    ),
    "export": (
        {"fastscnn_edge", "fastscnn_edge.reference", "fastscnn_edge.quantization", "fastscnn_edge.export"},
        {"numpy", "flatbuffers", "ai_edge_litert", "onnx", "onnxruntime", "tqdm"},
    ),
}
AREAS = ("reference", "quantization", "export")


def package_of(folder: str) -> str:
    return folder.replace("/", ".") if folder.startswith("fastscnn_edge") else f"fastscnn_edge.{folder}"


def imports(path: Path, package: str) -> set[tuple[str, bool]]:
    """(absolute module name, whether at module level) of every import in a file."""
    found = set()
    tree = ast.parse(path.read_text())
    top = set(map(id, tree.body))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {(alias.name, id(node) in top) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            prefix = ".".join([*base, *([node.module] if node.module else [])])
            names = [prefix] if node.module else [f"{prefix}.{alias.name}" for alias in node.names]
            found |= {(name, id(node) in top) for name in names}
    return found


def area(module: str) -> str:
    parts = module.split(".")
    return ".".join(parts[:2]) if len(parts) > 1 and parts[1] in AREAS else "fastscnn_edge"


FILES = [(folder, path) for folder in RULES for path in sorted((ROOT / folder).glob("*.py"))]


@pytest.mark.parametrize(("folder", "path"), FILES, ids=[str(p.relative_to(ROOT)) for _, p in FILES])
def test_imports_keep_to_the_table(folder: str, path: Path) -> None:
    ours, theirs = RULES[folder]
    for module, _ in imports(path, package_of(folder)):
        root = module.split(".")[0]
        if root == "fastscnn_edge":
            assert area(module) in ours | {package_of(folder)}, f"{path} may not import {module}"
        elif root in HEAVY | {"numpy", "PIL"}:
            assert root in theirs, f"{path} may not import {module}"


@pytest.mark.parametrize("path", sorted((ROOT / "fastscnn_edge/runtime").rglob("*.py")), ids=lambda p: p.name)
def test_runtime_imports_engines_and_video_only_where_used(path: Path) -> None:
    package = package_of(path.parent.relative_to(ROOT).as_posix())
    at_top = {module.split(".")[0] for module, top in imports(path, package) if top}
    assert not at_top & HEAVY


def test_quantization_touches_torch_in_lowering_and_training_alone() -> None:
    users = {
        p.name
        for p in (ROOT / "quantization").glob("*.py")
        if any(m.split(".")[0] == "torch" for m, _ in imports(p, "fastscnn_edge.quantization"))
    }
    assert users == {"lower.py", "fake_quant.py", "qat.py", "quantize_command.py"}


def test_export_never_sees_torch() -> None:
    for path in (ROOT / "export").glob("*.py"):
        assert not any(m.split(".")[0] == "torch" for m, _ in imports(path, "fastscnn_edge.export")), path
