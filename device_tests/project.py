"""Files of this checkout for a board: its wheel, models and images."""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from pathlib import Path

from fastscnn_edge.runtime.pipeline.segmenter import bundled_model

from .host import call, say
from .installs import ROOT

CHECKPOINT = ROOT / "fastscnn_edge" / "weights" / "fastscnn_camvid.safetensors"
PICTURES = ROOT / "examples" / "street"

_PACKAGED = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "fastscnn_edge", "quantization", "export")

EXPORTS = {
    "fp32.tflite": ("--precision", "fp32"),
    "int8_ort_x86.onnx": ("--precision", "int8", "--target", "ort-x86"),
    "int8_ort_arm64.onnx": ("--precision", "int8", "--target", "ort-arm64"),
}
"""Name of a model -> options of ``fastscnn-edge export`` for the bundled checkpoint."""

INT8_TFLITE = "int8.tflite"
"""Name of the bundled file, as it ships."""


def source_digest(root: Path = ROOT) -> str:
    """Digest of everything that the wheel and the exports depend on."""
    total = hashlib.sha256()
    for name in _PACKAGED:
        path = root / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and file.suffix != ".pyc":
                total.update(f"{file.relative_to(root)}\0".encode() + file.read_bytes())
    return total.hexdigest()[:12]


def wheel(cache: Path) -> Path:
    """This checkout's wheel.

    Built from a copy: setuptools would include files of an old ``build/`` that the checkout no longer has.
    """
    folder = cache / "project" / source_digest()
    found = sorted(folder.glob("*.whl"))
    if found:
        return found[0]
    say("building the wheel")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as copy:
        for name in _PACKAGED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, Path(copy, name), ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, copy)
        call(
            [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(folder), copy],
            cache / "logs" / "wheel.log",
            timeout=600,
        )
    return next(folder.glob("*.whl"))


def models(cache: Path) -> Path:
    """Folder with the bundled model and those of :data:`EXPORTS`."""
    folder = cache / "project" / source_digest() / "models"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(bundled_model(), folder / INT8_TFLITE)
    for name, options in EXPORTS.items():
        if not (folder / name).is_file():
            say(f"exporting {name}")
            call(
                [
                    sys.executable,
                    "-m",
                    "fastscnn_edge.export",
                    "--checkpoint",
                    str(CHECKPOINT),
                    *options,
                    "--out",
                    str(folder / name),
                ],
                cache / "logs" / f"export-{name}.log",
                timeout=1200,
            )
    return folder


def fill_parcel(folder: Path, cache: Path) -> Path:
    """Fill a folder with everything for a board: wheel, models, images, programs."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(models(cache), folder / "models", dirs_exist_ok=True)
    shutil.copytree(PICTURES, folder / "pictures", dirs_exist_ok=True)
    shutil.copy(wheel(cache), folder)
    for name in ("probe.py", "board_job.py"):
        shutil.copy(Path(__file__).parent / name, folder)
    return folder
