"""List of the attached cameras and their modes."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...errors import SourceError
from .address import is_jetson
from .v4l2.camera import device_nodes
from .v4l2.device import Device, KernelDevice, failure, query
from .v4l2.modes import FORMATS, FormatModes, read_formats


@dataclass(frozen=True)
class Found:
    """A camera, or a device node that resembles one.

    Attributes:
        address: value for ``--camera``.
        name: product and driver.
        library: library that reads it.
        problem: why it cannot be used, None if it can.
        formats: formats with sizes and rates, where they are known.
    """

    address: str
    name: str
    library: str
    problem: str | None = None
    formats: tuple[FormatModes, ...] = ()


def find_cameras(
    devices: Path = Path("/dev"), open_device: Callable[[Path], Device] = KernelDevice, root: Path = Path("/")
) -> list[Found]:
    """Find every V4L2 node, and the CSI cameras of this board."""
    return [_v4l2(path, open_device) for path in device_nodes(devices)] + _csi(root)


def _v4l2(path: Path, open_device: Callable[[Path], Device]) -> Found:
    library = "direct V4L2, no library"
    try:
        device = open_device(path)
    except OSError as error:
        return Found(str(path), "", library, str(failure("opening it", path, error)))
    try:
        capability = query(device)
        name = f"{capability.card} ({capability.driver}, {capability.bus})"
        if not capability.captures:
            return Found(str(path), name, library, capability.obstacle)
        formats = tuple(read_formats(device))
    except OSError as error:
        return Found(str(path), "", library, str(failure("asking it", path, error)))
    finally:
        device.close()
    usable = any(entry.format in FORMATS for entry in formats)
    problem = None if usable else f"none of its formats can be decoded ({' '.join(FORMATS)}); if CSI: --camera csi"
    return Found(str(path), name, library, problem, formats)


def _csi(root: Path) -> list[Found]:
    if is_jetson(root):
        problem = None if shutil.which("gst-launch-1.0") else "gst-launch-1.0 is missing: gstreamer1.0-tools"
        name = "CSI cameras of this Jetson (csi:N is sensor-id N)"
        return [Found("csi", name, "GStreamer, nvarguscamerasrc", problem)]
    if importlib.util.find_spec("picamera2") is None:
        return []
    from .csi_pi import import_picamera2

    try:
        infos = import_picamera2().Picamera2.global_camera_info()
    except SourceError as error:
        return [Found("csi", "CSI cameras", "picamera2", str(error))]
    return [
        Found(f"csi:{info.get('Num', number)}", f"{info.get('Model', 'unknown')} ({info.get('Id', '')})", "picamera2")
        for number, info in enumerate(infos)
        if "usb" not in str(info.get("Id", "")).lower()  # libcamera also lists USB cameras; V4L2 has found them
    ]


def describe_cameras(found: list[Found]) -> str:
    """Describe the cameras as text, one block per camera."""
    if not found:
        return (
            "no camera found: no /dev/video*, and no CSI camera that picamera2 or a Jetson would offer.\n"
            "USB: is it plugged in (lsusb)? Raspberry Pi CSI: sudo apt install python3-picamera2"
        )
    return "\n\n".join("\n".join(_block(camera)) for camera in found)


def _block(camera: Found) -> list[str]:
    lines = [f"{camera.address}  {camera.name}".rstrip()]
    if camera.problem:
        return [*lines, f"  not usable: {camera.problem}"]
    lines.append(f"  through {camera.library}; fastscnn-edge run --camera {camera.address}")
    for entry in camera.formats:
        note = "" if entry.format in FORMATS else "  (no decoder here)"
        for mode in entry.modes:
            rates = ", ".join(f"{rate:g}" for rate in mode.rates) or "unknown"
            lines.append(f"  {entry.format}  {mode.width}x{mode.height}  {rates} fps{note}")
        for sizes in entry.ranges:
            (a, b), (c, d) = sizes.low, sizes.high
            lines.append(f"  {entry.format}  {a}x{b} to {c}x{d} in steps of {sizes.step[0]}x{sizes.step[1]}{note}")
    return lines
