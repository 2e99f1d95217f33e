"""Parsing of ``--camera``, and the source it stands for."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...errors import SourceError, UsageError
from ...log import Warn, warn_on_stderr
from ..board.procfs import read_text
from ..sources.base import FrameSource
from ..sources.open import open_source
from .reconnect import RECONNECT, Reconnecting
from .v4l2.modes import DEFAULT_RATE, ModeRequest

_NETWORK = ("rtsp", "rtsps", "http", "https")
FORMS = "0, /dev/video0, csi, csi:1, rtsp://..., http://... or file:PATH"


@dataclass(frozen=True)
class CameraAddress:
    """A camera as named by a user.

    Attributes:
        kind: ``v4l2``, ``csi``, ``network`` or ``file``.
        value: device node, index, URL or path.
    """

    kind: str
    value: str

    def __str__(self) -> str:
        if self.kind == "network":
            from ...urls import without_password

            return without_password(self.value)
        return f"csi:{self.value}" if self.kind == "csi" else self.value


def parse(text: str) -> CameraAddress:
    """Parse ``text``; nothing is opened.

    Raises:
        ValueError: ``text`` names no camera.
    """
    scheme = text.partition("://")[0].lower()
    if text.isascii() and text.isdecimal():
        return CameraAddress("v4l2", f"/dev/video{int(text)}")
    if text.startswith("/dev/"):
        return CameraAddress("v4l2", text)
    if text == "csi" or (text.startswith("csi:") and text[4:].isascii() and text[4:].isdecimal()):
        return CameraAddress("csi", text[4:] or "0")
    if "://" in text and scheme in _NETWORK:
        return CameraAddress("network", text)
    if text.startswith("file:") and len(text) > 5:
        return CameraAddress("file", text[5:])
    raise ValueError(f"'{text}' is not a camera: {FORMS}")


def open_camera(
    address: CameraAddress,
    request: ModeRequest,
    reconnect: float = RECONNECT,
    warn: Warn = warn_on_stderr,
    waiting: Callable[[], object] = lambda: None,
) -> FrameSource:
    """Make the source at ``address``, not yet entered.

    Args:
        address: result of :meth:`CameraAddress.parse`.
        request: size, rate and format the user asked for.
        reconnect: seconds to wait for a lost camera.
        warn: receives one line per warning.
        waiting: see :class:`.reconnect.Reconnecting`.

    Raises:
        SourceError: there is no such camera.
        UsageError: the request has no meaning for this kind of camera.
    """
    _check(address, request)
    if address.kind == "file":
        from .file_playback import FilePlayback

        return FilePlayback(open_source(address.value, warn=warn), request.rate or DEFAULT_RATE)
    return Reconnecting(_open(address, request, warn), reconnect, warn, waiting)


def _open(address: CameraAddress, request: ModeRequest, warn: Warn) -> FrameSource:
    if address.kind == "network":
        from .network import NetworkSource

        return NetworkSource(address.value)
    if address.kind == "csi":
        if is_jetson():
            from .csi_jetson import JetsonCamera

            return JetsonCamera(int(address.value), request)
        from .csi_pi import PiCamera

        return PiCamera(int(address.value), request)
    from .v4l2.camera import V4L2Camera

    path = Path(address.value)
    if not path.exists():
        raise SourceError(f"no camera {path}; {_available(path.parent)}")
    return V4L2Camera(path, request, warn=warn)


def _check(address: CameraAddress, request: ModeRequest) -> None:
    """Refuse options that would silently do nothing."""
    meaningless = {
        "v4l2": (),
        "csi": ("format",),
        "network": ("size", "rate", "format"),
        "file": ("size", "format"),
    }[address.kind]
    for name in meaningless:
        if getattr(request, name) is not None:
            option = {"rate": "fps"}.get(name, name)
            raise UsageError(f"--camera-{option} means nothing to {address}, which decides that itself; leave it out")


def is_jetson(root: Path = Path("/")) -> bool:
    """Whether the device tree says that this board is one of NVIDIA's."""
    model = read_text(root / "proc/device-tree/model") or ""
    return "NVIDIA" in model or os.path.exists(root / "etc/nv_tegra_release")


def _available(folder: Path) -> str:
    from .v4l2.camera import device_nodes

    found = device_nodes(folder)
    if found:
        return f"there is {', '.join(map(str, found))}; fastscnn-edge cameras shows which are cameras"
    return f"there is no {folder}/video* at all: is it plugged in? A CSI camera is --camera csi"
