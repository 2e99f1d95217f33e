"""Do other engines compute the same from our .onnx? Each in an environment of its own, compared with our evaluator.

    python device_tests/interop.py
    python device_tests/interop.py --peers openvino,ncnn --markdown table.md
    python device_tests/interop.py --checkpoint best.safetensors --size 512x1024 --pictures frames/
    python device_tests/interop.py --calibration camvid/train/images      # INT8 as well

Needs the export extra. What cannot be installed here is reported, with the command and its last line. Exit status 1
if a float file differs by more than rounding explains.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from fastscnn_edge.cli.arguments import positive, size
from fastscnn_edge.cli.command import guarded
from fastscnn_edge.errors import FastSCNNEdgeError, UsageError
from fastscnn_edge.files import sha256, write_text

if __package__:
    from .interop_report import InteropResult, compare_logits, interop_markdown
else:
    from interop_report import InteropResult, compare_logits, interop_markdown

HERE = Path(__file__).resolve().parent
BUNDLED = HERE.parent / "fastscnn_edge" / "weights" / "fastscnn_camvid.safetensors"
STREET = HERE.parent / "examples" / "street"

FLOAT_TOLERANCE = 1e-3
"""Of the largest logit: engines may reorder sums and use faster convolutions, not more."""

_CALIBRATION_PICTURES = 8
_WORKER_SECONDS = 1800


@dataclass(frozen=True)
class Peer:
    """An engine and the pinned packages of its environment.

    Attributes:
        requirements: for pip; the first ones are named in the table.
        input: --input of the float file it takes.
        int8: whether it reads QDQ files.
        dependencies: whether pip may add what the packages ask for.
    """

    name: str
    requirements: tuple[str, ...]
    input: str = "uint8"
    int8: bool = False
    dependencies: bool = True

    @property
    def versions(self) -> str:
        return ", ".join(r.replace("==", " ") for r in self.requirements if not r.startswith("numpy"))


PEERS = (
    Peer("onnxruntime", ("onnxruntime==1.32.0", "numpy==2.4.6"), int8=True),
    Peer("openvino", ("openvino==2026.4.1", "numpy==2.4.6"), int8=True),
    # Floats alone: ncnn has no uint8 input. pnnx asks for PyTorch, which its converter does not need.
    Peer("ncnn", ("ncnn==1.0.20261020", "pnnx==20261020", "numpy==2.4.6"), "pixels", dependencies=False),
    Peer("mnn", ("MNN==3.6.1", "numpy==2.4.6")),
    Peer("onnx2tf", ("onnx2tf==1.29.24", "tensorflow-cpu==2.19.1", "numpy==1.26.4")),
)


@dataclass(frozen=True)
class InteropModel:
    """A written file, or why there is none."""

    label: str
    path: Path
    input: str
    int8: bool
    problem: str | None = None


class NotRunError(Exception):
    """A step of a peer failed; the message is the command and its last line."""


def step(command: Sequence[str], log: Path, name: str, *, offline: bool = False) -> None:
    """Run one command into ``log``.

    Args:
        offline: a pip that the command starts on its own finds no packages, and is the peer's, not the user's.

    Raises:
        NotRunError: it failed or took too long.
    """
    variables = dict(os.environ)
    if offline:
        variables |= {"PIP_NO_INDEX": "1", "PATH": f"{Path(command[0]).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    with log.open("ab") as stream:
        try:
            status = subprocess.run(
                command,
                stdout=stream,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                timeout=_WORKER_SECONDS,
                check=False,
                cwd=log.parent,
                env=variables,
            ).returncode
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NotRunError(f"`{name}`: {error.__class__.__name__}") from error
    if status:
        lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
        raise NotRunError(f"`{name}`: status {status}: {lines[-1] if lines else 'no output'}")


def environment(peer: Peer, cache: Path) -> Path:
    """Python of the peer's environment, made on first use and remade when its pins change."""
    folder = cache / peer.name
    python, stamp = folder / "bin" / "python", folder / "requirements.txt"
    wanted = "\n".join(peer.requirements)
    if stamp.is_file() and stamp.read_text() == wanted:
        return python
    venv.create(folder, clear=True, with_pip=True)
    words = ["pip", "install", *([] if peer.dependencies else ["--no-deps"]), *peer.requirements]
    step([str(python), "-m", *words, "--quiet"], folder / "install.log", shlex.join(words))
    stamp.write_text(wanted)
    return python


def run_peer(
    peer: Peer, models: Sequence[InteropModel], pictures: np.ndarray, reference: np.ndarray, cache: Path
) -> list[InteropResult]:
    """Every file that the peer takes; pictures uint8 [N, H, W, 3], reference float32 [N, C, H, W]."""
    fitting = [m for m in models if (m.int8 and peer.int8) or (not m.int8 and m.input == peer.input)]
    results = []
    for model in fitting:
        try:
            if model.problem is not None:
                raise NotRunError(model.problem)
            logits = _logits(peer, environment(peer, cache), model, pictures, cache)
            results.append(InteropResult(peer.name, peer.versions, model.label, *compare_logits(reference, logits)))
        except (NotRunError, ValueError) as error:
            results.append(InteropResult(peer.name, peer.versions, model.label, problem=str(error)))
    return results


def _logits(peer: Peer, python: Path, model: InteropModel, pictures: np.ndarray, cache: Path) -> np.ndarray:
    frames = pictures if model.input == "uint8" else pictures.transpose(0, 3, 1, 2).astype(np.float32)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        source, target = Path(folder) / "input.npy", Path(folder) / "output.npy"
        np.save(source, frames)
        worker = f"{peer.name}_worker.py"
        step(
            [str(python), str(HERE / "interop_peers" / worker), str(model.path), str(source), str(target)],
            Path(folder) / "log",
            f"{worker} {model.path.name}",
            offline=True,
        )
        if not target.is_file():
            raise NotRunError(f"`{worker} {model.path.name}`: wrote nothing")
        return np.asarray(np.load(target))


def write_models(
    checkpoint: Path, extent: tuple[int, int], calibration: Path | None, cache: Path
) -> list[InteropModel]:
    """The float file for each kind of input, and with calibration pictures the INT8 ones; kept in the cache."""
    from fastscnn_edge.export.convert import ExportRequest, export_onnx
    from fastscnn_edge.export.prepare import ExportSource
    from fastscnn_edge.export.to_onnx.options import OnnxOptions

    folder = cache / "models" / f"{sha256(checkpoint)[:12]}-{extent[0]}x{extent[1]}"
    wanted = [(f"fp32, --input {kind}", f"fp32_{kind}.onnx", kind, None) for kind in ("uint8", "pixels")]
    if calibration is not None:
        wanted += [(f"int8, --target {t}", f"int8_{t}.onnx", "uint8", t) for t in ("ort-x86", "ort-arm64", "tensorrt")]
    models = []
    for label, name, kind, target in wanted:
        # The scales of a calibrated checkpoint are of the affine scheme; TensorRT's need pictures.
        pictures = calibration if target == "tensorrt" else None
        source = ExportSource(checkpoint, "int8" if target else "fp32", extent, pictures, _CALIBRATION_PICTURES)
        problem = None
        try:
            if not (folder / name).is_file():
                print(f"export {label}", file=sys.stderr)
                export_onnx(ExportRequest(source, folder / name, target, OnnxOptions(kind)))
        except FastSCNNEdgeError as error:
            if target is None:
                raise
            problem = f"export: {error}"
        models.append(InteropModel(label, folder / name, kind, target is not None, problem))
    return models


def reference_logits(checkpoint: Path, extent: tuple[int, int], files: Sequence[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Pictures as uint8 [N, H, W, 3] and the float evaluator's logits, [N, C, H, W]."""
    from fastscnn_edge.quantization.calibration.calibration_images import load_image
    from fastscnn_edge.quantization.graph.evaluator import run
    from fastscnn_edge.quantization.graph.lower import lower
    from fastscnn_edge.reference.checkpoint import load_checkpoint

    loaded = load_checkpoint(checkpoint)
    graph = lower(loaded.model, loaded.normalization, *extent)
    pictures = np.stack([load_image(graph, file) for file in files])
    return pictures, np.concatenate([run(graph, p) for p in pictures]).transpose(0, 3, 1, 2)


def picture_files(folders: Sequence[Path], most: int) -> list[Path]:
    """At most ``most`` of each folder, spread evenly."""
    files: list[Path] = []
    for folder in folders:
        found = sorted(p for p in folder.glob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
        if not found:
            raise UsageError(f"no pictures (.jpg, .png) in {folder}")
        files += [found[i] for i in np.unique(np.linspace(0, len(found) - 1, min(most, len(found))).astype(int))]
    return files


def chosen(text: str) -> list[Peer]:
    """Peers by comma-separated names."""
    known = {p.name: p for p in PEERS}
    names = text.split(",")
    unknown = [n for n in names if n not in known]
    if unknown:
        raise UsageError(f"unknown peer '{unknown[0]}'; there are: {', '.join(known)}")
    return [known[n] for n in names]


def build_parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("--peers", default=",".join(p.name for p in PEERS), help="comma-separated (default: all)")
    result.add_argument("--checkpoint", type=Path, default=BUNDLED, metavar="FILE", help="(default: the bundled one)")
    result.add_argument("--size", type=size, default=(360, 480), metavar="HxW", help="(default: 360x480)")
    result.add_argument(
        "--pictures", type=Path, action="append", metavar="DIR", help="may be repeated (default: examples/street)"
    )
    result.add_argument("--count", type=positive, default=8, metavar="N", help="pictures of each folder (default: 8)")
    result.add_argument("--calibration", type=Path, metavar="DIR", help="compare INT8 files too, made with these")
    result.add_argument(
        "--cache",
        type=Path,
        default=Path.home() / ".cache" / "fastscnn_edge" / "interop",
        metavar="DIR",
        help="environments and written files (default: %(default)s)",
    )
    result.add_argument("--json", type=Path, metavar="FILE", help="write the results here")
    result.add_argument("--markdown", type=Path, metavar="FILE", help="write the table here")
    return result


def _run(args: argparse.Namespace) -> int:
    peers, cache = chosen(args.peers), args.cache.resolve()
    files = picture_files(args.pictures or [STREET], args.count)
    cache.mkdir(parents=True, exist_ok=True)
    pictures, reference = reference_logits(args.checkpoint, args.size, files)
    models = write_models(args.checkpoint, args.size, args.calibration, cache)
    results: list[InteropResult] = []
    for peer in peers:
        print(peer.name, file=sys.stderr)
        results += run_peer(peer, models, pictures, reference, cache)
    table = interop_markdown(results)
    print(table, end="")
    if args.markdown:
        write_text(args.markdown, table)
    if args.json:
        write_text(args.json, json.dumps({"pictures": len(files), "results": [asdict(r) for r in results]}, indent=1))
    wrong = [r for r in results if r.largest is not None and r.model.startswith("fp32") and r.largest > FLOAT_TOLERANCE]
    return 1 if wrong else 0


def main(argv: list[str] | None = None) -> int:
    """Returns the exit status."""
    return guarded(lambda: _run(build_parser().parse_args(argv)))


if __name__ == "__main__":
    sys.exit(main())
