"""A webcam that answers like a driver."""

from __future__ import annotations

from pathlib import Path

from fastscnn_edge.runtime.cameras.v4l2.modes import Mode, ModeRequest
from fastscnn_edge.testing.v4l2 import FakeCamera

VIDEO0 = Path("/dev/video0")

GREY = ModeRequest(minimum_size=(64, 48))


def gray(level: int, width: int = 64, height: int = 48, padding: int = 0) -> bytes:
    """YUYV of one gray: level 16 is black, 235 white."""
    return (bytes([level, 128] * width) + bytes(padding)) * height


def webcam(frames: int = 4, **options) -> FakeCamera:
    modes = [Mode("YUYV", 64, 48, (30.0, 15.0)), Mode("MJPG", 64, 48, (60.0,))]
    return FakeCamera(modes, [gray(50 + 10 * n) for n in range(frames)], **options)
