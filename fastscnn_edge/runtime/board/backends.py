"""Installed engines and camera libraries: which the runtime will use, and why not the others."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass

from ...errors import install_command

Version = Callable[[str], str | None]


@dataclass(frozen=True)
class Choice:
    """One library for a purpose.

    Attributes:
        purpose: ``.tflite``, ``.onnx`` or ``camera``.
        library: distribution name, as pip knows it.
        version: installed version, None if absent.
        used: whether the runtime uses it here.
        reason: why, or why not and how to fix it.
    """

    purpose: str
    library: str
    version: str | None
    used: bool
    reason: str


def version_of(package: str) -> str | None:
    """Installed version of a distribution, None if absent."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def importable(module: str) -> bool:
    """Whether ``import module`` would find something; nothing is loaded."""
    return importlib.util.find_spec(module) is not None


def tflite_choices(machine: str, python: tuple[int, int], version: Version = version_of) -> list[Choice]:
    """Both interpreters for .tflite files, the preferred one first."""
    current, legacy = version("ai-edge-litert"), version("tflite-runtime")
    if current:
        first = Choice(".tflite", "ai-edge-litert", current, True, "the current interpreter")
    else:
        first = Choice(".tflite", "ai-edge-litert", None, False, _litert_hint(machine, python))
    if legacy and not current:
        reason = "ai-edge-litert is not installed" + (
            "" if machine != "x86_64" else "; on x86 this one is many times slower"
        )
        second = Choice(".tflite", "tflite-runtime", legacy, True, reason)
    elif legacy:
        second = Choice(".tflite", "tflite-runtime", legacy, False, "ai-edge-litert is newer and goes first")
    else:
        second = Choice(".tflite", "tflite-runtime", None, False, _legacy_hint(python, version("numpy")))
    return [first, second]


def _litert_hint(machine: str, python: tuple[int, int]) -> str:
    if machine not in ("x86_64", "aarch64", "arm64"):
        return f"has no wheels for {machine}; take tflite-runtime: {install_command('tflite-legacy')}"
    if python > (3, 14):
        return f"has no wheels for Python {python[0]}.{python[1]} that this package knows of"
    return f"not installed: {install_command('tflite')}"


def _legacy_hint(python: tuple[int, int], numpy: str | None) -> str:
    if python > (3, 11):
        return f"its wheels end at Python 3.11, this is {python[0]}.{python[1]}"
    if numpy and int(numpy.split(".")[0]) >= 2:
        return f"needs numpy 1, and numpy {numpy} is installed"
    return f"not installed: {install_command('tflite-legacy')}"


def onnx_choice(version: Version = version_of) -> Choice:
    """ONNX Runtime, with or without a GPU."""
    for package in ("onnxruntime-gpu", "onnxruntime"):
        if found := version(package):
            return Choice(".onnx", package, found, True, "runs .onnx files")
    return Choice(".onnx", "onnxruntime", None, False, f"only .onnx files need it: {install_command('onnx')}")


def camera_choices(
    version: Version = version_of,
    has: Callable[[str], bool] = importable,
    which: Callable[[str], str | None] = shutil.which,
) -> list[Choice]:
    """Libraries that read cameras and videos; USB cameras need only the kernel."""
    av, picamera2, gstreamer = version("av"), has("picamera2"), which("gst-launch-1.0") is not None
    return [
        Choice("camera", "V4L2", "of the kernel", True, "USB cameras, by system calls"),
        Choice(
            "camera",
            "picamera2",
            version("picamera2") or ("from apt" if picamera2 else None),
            picamera2,
            "CSI cameras of a Raspberry Pi"
            if picamera2
            else "CSI cameras of a Raspberry Pi need it: apt install python3-picamera2",
        ),
        Choice(
            "camera",
            "gst-launch-1.0",
            "of the system" if gstreamer else None,
            gstreamer,
            "CSI cameras of a Jetson"
            if gstreamer
            else "CSI cameras of a Jetson need it: apt install gstreamer1.0-tools",
        ),
        Choice(
            "camera",
            "av",
            av,
            bool(av),
            "videos, RTSP and HTTP" if av else f"videos, RTSP and HTTP need it: {install_command('camera')}",
        ),
    ]


def onnx_target(features: tuple[str, ...], machine: str) -> tuple[str, str]:
    """(best ``export --target`` for this processor, reason). ``features`` as in :class:`.board.Board`."""
    present = set(features)
    if machine in ("aarch64", "arm64"):
        if "asimddp" in present:
            return "ort-arm64", "it has integer dot products (asimddp)"
        return "ort-arm64", "it has no integer dot products (asimddp), so int8 gains little; prefer a .tflite"
    if present & {"avx512_vnni", "avx_vnni"}:
        return "ort-x86", "it has VNNI, which multiplies unsigned with signed bytes"
    return "ort-x86", "it has no VNNI; unsigned activations are still the faster kernels"


def here() -> tuple[str, tuple[int, int]]:
    """(machine, Python version) of this process; a 32-bit Python on a 64-bit kernel counts as 32-bit."""
    machine = platform.machine()
    if machine == "aarch64" and sys.maxsize <= 1 << 32:
        machine = "armv7l"
    return machine, (sys.version_info[0], sys.version_info[1])
