"""Who may import whom, how folders are cut, where tests live: docs/architecture.md, held by reading the code."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter, defaultdict
from configparser import ConfigParser
from pathlib import Path

import pytest

from fastscnn_edge.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]

TOPS = {
    "fastscnn_edge": "fastscnn_edge",
    "quantization": "fastscnn_edge.quantization",
    "export": "fastscnn_edge.export",
}

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
    "matplotlib",
}

# From below to above: a package imports itself and what stands above it in this list, nothing below.
ORDER = (
    "errors",
    "text",
    "units",
    "urls",
    "system",
    "files",
    "log",
    "native_stderr",
    "spec",
    "classes",
    "palettes",
    "weights",
    "runtime.board",
    "runtime.frame_pool",
    "runtime.images",
    "runtime.frames",
    "runtime.mask",
    "runtime.engines",
    "runtime.sources",
    "runtime.cameras",
    "runtime.sinks",
    "runtime.pipeline",
    "runtime.web",
    "runtime.report",
    "testing",
    "bench",
    "evaluation",
    "reference",
    "quantization",
    "export",
    "cli",
    "commands",
)

# Package -> third parties it may import; the longest name that fits counts. On a board runs what needs the first two.
BOARD = {"numpy", "PIL"}
THIRD_PARTIES = {
    "": BOARD,
    "runtime.engines": {*BOARD, "ai_edge_litert", "tflite_runtime", "onnxruntime"},
    "runtime.sources": {*BOARD, "av"},
    "runtime.cameras": {*BOARD, "av", "picamera2"},
    "runtime.sinks": {*BOARD, "av"},
    "evaluation": {*BOARD, "tqdm"},
    "reference": {*BOARD, "torch", "safetensors", "tqdm"},
    "quantization": {*BOARD, "safetensors", "tqdm"},
    "quantization.analysis": {*BOARD, "tqdm", "matplotlib"},
    "quantization.graph.lower": {*BOARD, "torch"},
    "quantization.qat": {*BOARD, "torch", "tqdm"},
    "export": {*BOARD, "tqdm"},
    "export.to_tflite": {*BOARD, "flatbuffers", "ai_edge_litert"},
    "export.to_onnx": {*BOARD, "onnx", "onnxruntime"},
    "export.tensorrt": {*BOARD, "onnx"},
    "export.compare": {*BOARD, "onnx", "onnxruntime", "ai_edge_litert"},
    "commands": {*BOARD, "tqdm", "torch", "matplotlib"},
}

MOST_FILES = 15
"""In one folder, ``__init__.py`` apart; commands are as many as there are."""

TESTED_AS_A_WHOLE = ("system", "helpers")
"""Folders of tests that mirror no module: of the program as a whole, and what tests share."""


def module_name(path: Path) -> str:
    """Dotted name below ``fastscnn_edge``; empty for the package itself."""
    top, *parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if top == "fastscnn_edge" else [top, *parts]
    return ".".join(parts).removesuffix("__init__").rstrip(".")


MODULES = {module_name(p): p for top in TOPS for p in sorted((ROOT / top).rglob("*.py"))}
ENTRIES = {"", "__main__", "run", "export.__main__", "_version"}
"""``python -m`` entries and the package itself, which stand beside the order."""


def imports(module: str) -> set[tuple[str, bool]]:
    """(dotted name, whether at module level) of each import; ours relative to ``fastscnn_edge``, others with a dot."""
    found = set()
    path = MODULES[module]
    tree = ast.parse(path.read_text())
    top = set(map(id, tree.body))
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {(f".{alias.name}", id(node) in top) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((f".{node.module}", id(node) in top))
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".") if package else []
            base = ".".join([*parts[: len(parts) - node.level + 1], *([node.module] if node.module else [])])
            names = [f"{base}.{alias.name}".lstrip(".") for alias in node.names]
            found |= {(name if name in MODULES else base, id(node) in top) for name in names}
    return found


def rank(module: str) -> int:
    fitting = [i for i, name in enumerate(ORDER) if module == name or module.startswith(f"{name}.")]
    assert fitting, f"{module} stands nowhere in the order of packages"
    return fitting[0]


@pytest.mark.parametrize("module", sorted(set(MODULES) - ENTRIES))
def test_packages_import_only_what_is_below_them(module: str) -> None:
    if module == "runtime":  # the bare package
        assert not imports(module)
        return
    for name, _ in imports(module):
        if not name.startswith(".") and name not in ENTRIES:
            assert rank(name) <= rank(module), f"{module} may not import {name}"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_third_parties_keep_to_the_table(module: str) -> None:
    fitting = [name for name in THIRD_PARTIES if name == "" or module == name or module.startswith(f"{name}.")]
    allowed = THIRD_PARTIES[max(fitting, key=len)]
    for name, at_top in imports(module):
        root = name.removeprefix(".").split(".")[0] if name.startswith(".") else ""
        if root in HEAVY | BOARD:
            assert root in allowed, f"{module} may not import {root}"
        if root in HEAVY and module.startswith("runtime") and module != "runtime.engines.ort_library":
            assert not at_top, f"{module} imports {root} before it is asked for"


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"runtime.engines.ort_library"}))
def test_onnxruntime_is_imported_where_its_telemetry_is_off(module: str) -> None:
    direct = [name for name, _ in imports(module) if name.split(".")[:2] == ["", "onnxruntime"]]
    if module == "export.compare.ort_static":  # its submodules, after ort_library
        text = MODULES[module].read_text()
        assert text.index("ort_library import") < text.index("from onnxruntime.quantization")
    else:
        assert not direct, f"{module} imports onnxruntime by itself: take it from runtime.engines.ort_library"


def test_no_circles() -> None:
    edges = {module: {name for name, _ in imports(module) if name in MODULES} - {module} for module in MODULES}
    while leaves := [module for module, targets in edges.items() if not targets]:
        for leaf in leaves:
            del edges[leaf]
        edges = {module: targets - set(leaves) for module, targets in edges.items()}
    circles = defaultdict(set)
    for module, targets in edges.items():
        circles[module] = targets
    assert not circles


def test_every_package_is_installed() -> None:
    """An editable installation finds folders that a wheel would lack."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    listed = set(config["options"]["packages"].split())
    names = {name if path.name == "__init__.py" else name.rpartition(".")[0] for name, path in MODULES.items()}
    assert {f"fastscnn_edge.{name}".rstrip(".") for name in names} == listed


def test_no_folder_is_a_heap() -> None:
    counts = Counter(path.parent for path in MODULES.values() if path.name != "__init__.py")
    heaps = {str(folder.relative_to(ROOT)): n for folder, n in counts.items() if n > MOST_FILES}
    assert set(heaps) <= {"fastscnn_edge/commands"}


def test_the_listing_of_commands_is_the_help_page() -> None:
    files = {path.stem for path in (ROOT / "fastscnn_edge/commands").glob("*.py")} - {"__init__"}
    assert files == {name.replace("-", "_") for name in COMMANDS}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "tests").rglob("test_*.py")), ids=lambda path: path.relative_to(ROOT / "tests").as_posix()
)
def test_tests_mirror_modules(path: Path) -> None:
    folder = path.relative_to(ROOT / "tests").parent
    if folder.parts[:1] and folder.parts[0] in TESTED_AS_A_WHOLE:
        return
    name = path.stem.removeprefix("test_")
    bases = (Path("fastscnn_edge"), Path())
    candidates = [base / folder / kind for base in bases for kind in (f"{name}.py", f"{name}/__init__.py", name)]
    assert any((ROOT / candidate).exists() for candidate in candidates), f"{path} tests no module of that name"


WITHOUT_TORCH = """
import importlib, sys

class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "tensorflow"):
            raise ImportError(name + " is forbidden here")

sys.meta_path.insert(0, Wall())
"""


def without_torch(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_TORCH + code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_nothing_on_a_board_or_in_export_imports_torch() -> None:
    laptop = ("reference.", "quantization.graph.lower", "quantization.qat.")
    kept_out = ("reference.dialects", "reference.train_config", "reference.processes")
    free = [m for m in MODULES if m and "__main__" not in m and (m in kept_out or not m.startswith(laptop))]
    code = f"for name in {free}: importlib.import_module('fastscnn_edge.' + name)\n"
    done = without_torch(code)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["m.tflite", "m.onnx"])
def test_a_quantized_file_is_exported_without_torch(tmp_path: Path, name: str) -> None:
    pytest.importorskip("flatbuffers", reason="exporting needs the export extra")
    weights = ROOT / "fastscnn_edge" / "weights"
    code = "from fastscnn_edge.cli.main import main\nsys.exit(main(sys.argv[1:]))\n"
    source = str(weights / "fastscnn_camvid_int8.safetensors")
    done = without_torch(code, "export", "--checkpoint", source, "--out", str(tmp_path / name))
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / name).read_bytes() == (weights / f"fastscnn_camvid_int8{(tmp_path / name).suffix}").read_bytes()
