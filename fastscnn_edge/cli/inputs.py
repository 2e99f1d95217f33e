"""Options of where frames come from, and the source they stand for."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import require
from ..log import Warn
from ..runtime.cameras.address import CameraAddress, open_camera, parse
from ..runtime.cameras.reconnect import RECONNECT
from ..runtime.cameras.v4l2.modes import ModeRequest
from ..runtime.sources.base import FrameSource
from ..runtime.sources.open import open_source
from ..spec import ModelSpec


def add_input_options(result: argparse.ArgumentParser) -> None:
    """``--source`` or ``--camera``, and what is asked of a camera."""
    where = result.add_mutually_exclusive_group(required=True)
    where.add_argument("--source", type=Path, metavar="PATH", help="a picture, a folder of pictures or a video")
    where.add_argument(
        "--camera",
        type=_address,
        metavar="CAMERA",
        help="N or /dev/videoN (USB), csi or csi:N (Raspberry Pi, Jetson), rtsp://... or http://..., or file:PATH, a "
        "video or folder played like a camera; fastscnn-edge cameras lists what is attached",
    )
    group = result.add_argument_group("of a camera")
    group.add_argument(
        "--camera-size",
        type=_pixels,
        metavar="WxH",
        help="take frames of this size (default: the smallest mode not below the model's input)",
    )
    group.add_argument("--camera-fps", type=_rate, metavar="N", help="frames per second (default: 30, or the nearest)")
    group.add_argument(
        "--camera-format", metavar="FOURCC", help="such as YUYV or MJPG (default: the cheapest that reaches the rate)"
    )
    group.add_argument(
        "--reconnect",
        type=_seconds,
        default=RECONNECT,
        metavar="SECONDS",
        help=f"wait this long for a camera that went away; 0 does not wait (default: {RECONNECT:g})",
    )


def check_inputs(options: argparse.Namespace) -> None:
    """Refuse before the work what would fail after it."""
    if options.source is not None:
        for name in ("camera_size", "camera_fps", "camera_format"):
            option = f"--{name.replace('_', '-')}"
            require(getattr(options, name) is None, f"{option} goes with --camera, not with --source")


def open_frames(options: argparse.Namespace, spec: ModelSpec, warn: Warn) -> FrameSource:
    """The source, not yet entered; a camera is asked for a mode that suits the model."""
    if options.source is not None:
        return open_source(options.source, options.frames or 1, warn)
    wish = ModeRequest(options.camera_size, options.camera_fps, options.camera_format, least=(spec.width, spec.height))
    return open_camera(options.camera, wish, options.reconnect, warn)


def name_of(options: argparse.Namespace) -> str:
    """Of the source, for people; without passwords."""
    return options.source.name if options.source is not None else str(options.camera)


def _address(text: str) -> CameraAddress:
    try:
        return parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _pixels(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and 16 <= int(width) <= 8192 and 16 <= int(height) <= 8192):
        raise argparse.ArgumentTypeError(f"'{text}' is not WIDTHxHEIGHT, for example 640x480")
    return int(width), int(height)


def _rate(text: str) -> float:
    return _number(text, 0.1, 1000)


def _seconds(text: str) -> float:
    return _number(text, 0, 1e7)


def _number(text: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from {low:g} to {high:g}")
    return value
