"""All files that the contestants load, for one checkpoint and one size; made once and kept."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastscnn_edge.export.prepare import ExportSource, Prepared, prepare
from fastscnn_edge.files import sha256
from fastscnn_edge.quantization.calibration.calibration_images import load_image
from fastscnn_edge.quantization.calibration.scheme import AFFINE
from fastscnn_edge.quantization.quantized_file import Origin, save_quantized

from .build_ours import build_ours
from .build_stock import build_stock
from .contestants import EXECUTORCH, ONNX2TF, PEERS
from .environments import NotRunError, python_of, run

HERE = Path(__file__).resolve().parent
RECIPE = "accurate"
CALIBRATION_PICTURES = 16
FRAMES = 4


@dataclass(frozen=True)
class Inputs:
    """What is compared.

    Attributes:
        checkpoint: float weights.
        calibration: folder of pictures that every INT8 contestant is calibrated with.
        pictures: files that are segmented.
    """

    checkpoint: Path
    calibration: Path
    pictures: Sequence[Path]


@dataclass(frozen=True)
class Built:
    """A folder of files for one size.

    Attributes:
        frames: raw uint8 frames, [FRAMES, H, W, 3].
        problems: model file -> why it is not there.
    """

    folder: Path
    checkpoint: Path
    prepared: Prepared
    frames: Path
    problems: dict[str, str]

    @property
    def picture(self) -> list[object]:
        """:class:`benchmarks.engines.common.Picture` as JSON."""
        normalization = self.prepared.normalization
        return [*self.prepared.size, list(normalization.mean), list(normalization.std)]


def build(inputs: Inputs, size: tuple[int, int], models: Collection[str], cache: Path) -> Built:
    """Everything for ``size`` (height, width); of what peers convert, only the files named in ``models``."""
    digest = sha256(inputs.checkpoint)[:12]
    folder = cache / "models" / f"{digest}-{size[0]}x{size[1]}"
    folder.mkdir(parents=True, exist_ok=True)
    prepared = prepare(ExportSource(inputs.checkpoint, "fp32", size, inputs.calibration, CALIBRATION_PICTURES))
    frames = folder / "frames.raw"
    np.stack([load_image(prepared.graph, file) for file in inputs.pictures[:FRAMES]]).tofile(frames)
    # Ours are written anew each time: the code that writes them is what is being worked on.
    with _step(f"our files for {size[0]}x{size[1]}"):
        build_ours(folder, inputs.checkpoint, _quantized(inputs, cache / "models" / digest), size)
    if not (folder / "stock_int8.onnx").is_file():
        with _step(f"torch.onnx.export and quantize_static, {size[0]}x{size[1]}"):
            build_stock(folder, inputs.checkpoint, prepared)
    checkpoint = inputs.checkpoint.resolve()
    return Built(folder, checkpoint, prepared, frames, _peers(folder, checkpoint, prepared, models, cache))


def _quantized(inputs: Inputs, folder: Path) -> Path:
    """``fastscnn-edge quantize`` at the size the checkpoint was trained at; it serves every size."""
    path = folder / f"{RECIPE}.safetensors"
    if not path.is_file():
        with _step("quantizing"):
            source = ExportSource(inputs.checkpoint, "int8", None, inputs.calibration, CALIBRATION_PICTURES, RECIPE)
            made = prepare(source)
            origin = Origin(
                made.dialect,
                made.classes,
                made.normalization,
                made.sha256,
                f"ptq {RECIPE}, {len(made.images)} pictures",
                made.size,
            )
            save_quantized(path, made.graph, AFFINE, origin)
    return path


def _peers(folder: Path, checkpoint: Path, prepared: Prepared, models: Collection[str], cache: Path) -> dict[str, str]:
    """Write those of ``models`` that peers convert for themselves; what failed, and why."""
    calibration = folder / "calibration.npy"
    if not calibration.is_file():
        np.save(calibration, np.stack(list(prepared.images)))
    facts = json.dumps([list(prepared.normalization.mean), list(prepared.normalization.std)])
    classes, logits = str(folder / "stock_classes.onnx"), str(folder / "stock_logits.onnx")
    scripts: list[tuple[str, str, str, list[str]]] = [
        ("openvino_int8.xml", PEERS, "openvino_int8", [classes, str(calibration), facts]),
        ("ncnn.param", PEERS, "ncnn_model", ["0", logits]),
        ("ncnn_fp16.param", PEERS, "ncnn_model", ["1", logits]),
        ("mnn.mnn", PEERS, "mnn_model", [classes]),
        ("mnn_int8.mnn", PEERS, "mnn_int8", [classes, str(calibration), facts]),
        ("executorch_int8.pte", EXECUTORCH, "executorch_int8", [str(checkpoint), str(calibration), facts]),
        ("onnx2tf_int8.tflite", ONNX2TF, "onnx2tf_int8", [classes, str(calibration), facts]),
    ]
    problems = {}
    for name, environment, script, arguments in scripts:
        if name not in models or (folder / name).is_file():
            continue
        try:
            with _step(f"{script} for {prepared.size[0]}x{prepared.size[1]}"):
                command = [str(python_of(environment, cache)), str(HERE / "peers" / f"{script}.py"), *arguments]
                run([*command, str(folder / name)], folder / f"{name}.log")
        except NotRunError as error:
            (folder / name).unlink(missing_ok=True)
            problems[name] = str(error)
    return problems


@contextmanager
def _step(what: str) -> Iterator[None]:
    """Says what takes long, and how long it took."""
    start = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - start:.0f} s", file=sys.stderr)
