"""Masks, logits, operators and libraries of every model in a folder; runs on the board.

    python probe.py PARCEL RESULT

Needs only the device install; the host copies this file there. ``PARCEL`` has ``models/`` (.tflite, .onnx) and
``pictures/``; models whose engine is missing are left out. ``RESULT`` receives ``probe.json``, and ``arrays.npz`` with
class map and logits of each image under ``MODEL/KERNELS/PICTURE/classes`` and ``.../logits``.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fastscnn_edge import Segmenter
from fastscnn_edge.runtime.board.backends import version_of
from fastscnn_edge.runtime.board.board import read_board
from fastscnn_edge.runtime.engines.base import LogitsQuantization
from fastscnn_edge.runtime.engines.tflite_file import read_spec
from fastscnn_edge.runtime.engines.tflite_interpreter import open_interpreter

DEFAULT, REFERENCE = "default", "reference"
"""The kernels an engine picks by itself, and TFLite's plain C++ ones: slow, but the same arithmetic everywhere."""

REFERENCE_IMAGES = 1

_DELEGATE_LINE = "Created TensorFlow Lite XNNPACK delegate"
_LOGGED: list[str] = []

_PACKAGES = ("fastscnn-edge", "numpy", "pillow", "ai-edge-litert", "tflite-runtime", "onnxruntime", "av")


def main() -> int:
    parcel, result = Path(sys.argv[1]), Path(sys.argv[2])
    result.mkdir(parents=True, exist_ok=True)
    images = {
        path.stem: np.asarray(Image.open(path).convert("RGB")) for path in sorted((parcel / "pictures").glob("*.jpg"))
    }
    arrays: dict[str, np.ndarray] = {}
    runs = []
    for path in sorted((parcel / "models").iterdir()):
        if path.suffix == ".tflite" and interpreter_module():
            runs.append(probe_tflite(path, images, arrays))
            if read_spec(path).precision == "int8":
                runs.append(probe_reference(path, images, arrays))
        elif path.suffix == ".onnx" and importlib.util.find_spec("onnxruntime"):
            runs.append(probe_onnx(path, images, arrays))
    np.savez_compressed(result / "arrays.npz", **arrays)  # type: ignore[arg-type]  # numpy's stub takes every name for allow_pickle
    board = read_board()
    (result / "probe.json").write_text(
        json.dumps(
            {
                "machine": board.machine,
                "cpu": board.cpu,
                "integer_features": list(board.integer_features),
                "python": sys.version.split()[0],
                "versions": versions(),
                "runs": runs,
            },
            indent=1,
        )
    )
    return 0


def versions() -> dict[str, str]:
    """Versions of the installed packages that decide what is computed."""
    return {package: version for package in _PACKAGES if (version := version_of(package))}


def interpreter_module() -> str | None:
    """Import name of the installed TFLite interpreter, in the order the runtime looks for it."""
    for package in ("ai_edge_litert", "tflite_runtime"):
        if importlib.util.find_spec(package):
            return f"{package}.interpreter"
    return None


def xnnpack_built() -> bool:
    """Whether the interpreter's build can create XNNPACK's delegate: it then contains the log line for it."""
    package = importlib.util.find_spec(str(interpreter_module()).split(".")[0])
    assert package is not None and package.submodule_search_locations
    return any(
        _DELEGATE_LINE.encode() in path.read_bytes()
        for folder in package.submodule_search_locations
        for path in Path(folder).glob("*.so")
    )


def probe_tflite(path: Path, images: dict[str, np.ndarray], arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Probe the file as the package runs it, with the default kernels."""
    interpreter = open_interpreter(path, _threads(), log=_LOGGED.append)
    operators = Counter(operator["op_name"] for operator in interpreter._get_ops_details())
    # The log line comes once in a process, the DELEGATE node in every graph that XNNPACK runs.
    delegated = operators.pop("DELEGATE", 0) > 0
    line_seen = any(_DELEGATE_LINE in line for line in _LOGGED)
    return {
        "model": path.name,
        "kernels": DEFAULT,
        "xnnpack": delegated,
        "xnnpack_line": line_seen,
        "xnnpack_built": xnnpack_built(),
        "operators": dict(operators),
        "masks": _predict(Segmenter(path), path.name, DEFAULT, images, arrays),
    }


def probe_reference(path: Path, images: dict[str, np.ndarray], arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Probe the file with reference kernels, far slower ones, on only the first images."""
    interpreter = open_interpreter(path, _threads(), reference=True)
    operators = Counter(operator["op_name"] for operator in interpreter._get_ops_details())
    few = dict(list(images.items())[:REFERENCE_IMAGES])
    segmenter = Segmenter(engine=ReferenceEngine(path, interpreter))
    return {
        "model": path.name,
        "kernels": REFERENCE,
        "xnnpack": "DELEGATE" in operators,
        "operators": dict(operators),
        "masks": _predict(segmenter, path.name, REFERENCE, few, arrays),
    }


def probe_onnx(path: Path, images: dict[str, np.ndarray], arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Probe the file in ONNX Runtime; operators are those it ran after its own fusions, from its profile."""
    return {
        "model": path.name,
        "kernels": DEFAULT,
        "xnnpack": False,
        "operators": _profiled_operators(path),
        "masks": _predict(Segmenter(path), path.name, DEFAULT, images, arrays),
    }


class ReferenceEngine:
    """:class:`fastscnn_edge.runtime.engines.base.Engine` around an int8 interpreter made here."""

    name, library, threads = "tflite", "reference kernels", 1

    def __init__(self, path: Path, interpreter: Any) -> None:
        self.spec = read_spec(path)
        self.output_quantization: LogitsQuantization | None = None
        self.details: dict[str, Any] = {}
        self._interpreter = interpreter
        self._input, self._output = (
            details[0]["index"] for details in (interpreter.get_input_details(), interpreter.get_output_details())
        )

    def input_view(self) -> np.ndarray:
        result: np.ndarray = self._interpreter.tensor(self._input)()
        return result

    def invoke(self) -> None:
        self._interpreter.invoke()

    def logits(self) -> np.ndarray:
        result: np.ndarray = self._interpreter.get_tensor(self._output)[0]
        return result


def _predict(
    segmenter: Segmenter, model: str, kernels: str, images: dict[str, np.ndarray], arrays: dict[str, np.ndarray]
) -> dict[str, str]:
    """Segment ``images``; returns the sha256 of each class map, and puts the arrays into ``arrays``."""
    digests = {}
    for name, rgb in images.items():
        classes = segmenter.predict(rgb)
        arrays[f"{model}/{kernels}/{name}/classes"] = classes
        arrays[f"{model}/{kernels}/{name}/logits"] = segmenter.engine.logits()
        digests[name] = hashlib.sha256(classes.tobytes()).hexdigest()
    return digests


def _threads() -> int:
    return len(os.sched_getaffinity(0))


def _profiled_operators(path: Path) -> dict[str, int]:
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before it is loaded: nothing leaves this machine
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.enable_profiling, options.profile_file_prefix = True, f"{folder}/profile"
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        image = session.get_inputs()[0]
        session.run(None, {image.name: np.zeros(image.shape, np.uint8)})
        events = json.loads(Path(session.end_profiling()).read_text())
    return dict(
        Counter(
            event["args"]["op_name"]
            for event in events
            if event.get("cat") == "Node" and event["name"].endswith("_kernel_time")
        )
    )


if __name__ == "__main__":
    sys.exit(main())
