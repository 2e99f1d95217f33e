"""The engines compared with ours, and the logits each computes from a written file."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastscnn_edge.errors import UsageError
from tools.peers.environment import MNN, NCNN, ONNX2TF, ONNXRUNTIME, OPENVINO, Environment, python_of
from tools.peers.process import NotRunError, run_module

from .models import InteropModel
from .report import InteropResult, compare_logits


@dataclass(frozen=True)
class Conversion:
    """A module of :mod:`tools.peers.convert` with its leading arguments, and the suffix of the file it writes."""

    module: str
    suffix: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Peer:
    """An engine and its environment.

    Attributes:
        packages: named in the table, with their pinned versions.
        logits: a module of :mod:`tools.peers.logits`.
        input: ``--input`` of the float file it takes.
        int8: whether it reads QDQ files.
        conversion: from .onnx to the format it loads; None if it loads .onnx.
    """

    name: str
    environment: Environment
    packages: tuple[str, ...]
    logits: str
    input: str = "uint8"
    int8: bool = False
    conversion: Conversion | None = None

    @property
    def versions(self) -> str:
        """``name version`` of the packages, joined by commas."""
        return ", ".join(f"{name} {self.environment.pinned_version(name)}" for name in self.packages)


PEERS = (
    Peer("onnxruntime", ONNXRUNTIME, ("onnxruntime",), "onnxruntime", int8=True),
    Peer("openvino", OPENVINO, ("openvino",), "openvino", int8=True),
    # Floats only: ncnn has no uint8 input.
    Peer("ncnn", NCNN, ("ncnn", "pnnx"), "ncnn", "pixels", conversion=Conversion("ncnn", ".param", ("fp32",))),
    Peer("mnn", MNN, ("MNN",), "mnn", conversion=Conversion("mnn", ".mnn")),
    Peer("onnx2tf", ONNX2TF, ("onnx2tf", "tensorflow-cpu"), "tflite", conversion=Conversion("onnx2tf", ".tflite")),
)


def peers_of(text: str) -> list[Peer]:
    """Peers by comma-separated names.

    Raises:
        UsageError: no such peer.
    """
    known = {p.name: p for p in PEERS}
    names = text.split(",")
    unknown = [n for n in names if n not in known]
    if unknown:
        raise UsageError(f"unknown peer '{unknown[0]}'; there are: {', '.join(known)}")
    return [known[n] for n in names]


def run_peer(
    peer: Peer, models: Sequence[InteropModel], frames: np.ndarray, reference: np.ndarray, cache: Path
) -> list[InteropResult]:
    """Results of every file that the peer takes; frames uint8 [N, H, W, 3], reference float32 [N, C, h, w]."""
    fitting = [m for m in models if (m.int8 and peer.int8) or (not m.int8 and m.input == peer.input)]
    results = []
    for model in fitting:
        try:
            if model.problem is not None:
                raise NotRunError(model.problem)
            logits = _logits(peer, model, frames, cache)
            results.append(InteropResult(peer.name, peer.versions, model.label, *compare_logits(reference, logits)))
        except (NotRunError, ValueError) as error:
            results.append(InteropResult(peer.name, peer.versions, model.label, problem=str(error)))
    return results


def _logits(peer: Peer, model: InteropModel, frames: np.ndarray, cache: Path) -> np.ndarray:
    """Logits float32 [N, C, h, w], through files in a temporary folder."""
    python = python_of(peer.environment, cache)
    with tempfile.TemporaryDirectory(dir=cache) as name:
        folder = Path(name)
        loaded = model.path
        if peer.conversion is not None:
            loaded = folder / f"{model.path.stem}{peer.conversion.suffix}"
            arguments: list[str | Path] = [*peer.conversion.arguments, model.path, loaded]
            run_module(python, f"convert.{peer.conversion.module}", arguments, folder / "convert.log")
        source, target = folder / "frames.npy", folder / "logits.npy"
        np.save(source, frames if model.input == "uint8" else frames.transpose(0, 3, 1, 2).astype(np.float32))
        run_module(python, f"logits.{peer.logits}", [loaded, source, target], folder / "logits.log")
        return np.asarray(np.load(target))
