"""Input options of ``run``, and the frame source they select."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import require
from ..log import Warn
from ..runtime.cameras.address import open_camera, parse
from ..runtime.cameras.reconnect import RECONNECT
from ..runtime.cameras.v4l2.modes import ModeRequest
from ..runtime.sources.base import FrameSource
from ..runtime.sources.open import open_source
from ..spec import ModelSpec
from .arguments import camera_size, number, parsed_by
from .images import add_image_options, reader_of
from .systemd import notify


def add_input_options(result: argparse.ArgumentParser) -> None:
    """Add ``--source``, ``--camera`` and the options of a camera."""
    where = result.add_mutually_exclusive_group(required=True)
    where.add_argument("--source", type=Path, metavar="PATH", help="a picture, a folder of pictures or a video")
    where.add_argument(
        "--camera",
        type=parsed_by(parse),
        metavar="CAMERA",
        help="N or /dev/videoN (USB), csi or csi:N (Raspberry Pi, Jetson), rtsp://... or http://..., or file:PATH, a "
        "video or folder replayed as a live camera; 'fastscnn-edge cameras' lists the attached ones",
    )
    group = result.add_argument_group("camera options")
    group.add_argument(
        "--camera-size",
        type=camera_size,
        metavar="WxH",
        help="width x height of the frames (default: the smallest mode not below the model's input)",
    )
    group.add_argument(
        "--camera-fps", type=number(0.1, 1000), metavar="N", help="frames per second (default: 30, or the nearest)"
    )
    group.add_argument(
        "--camera-format",
        metavar="FOURCC",
        help="pixel format such as YUYV or MJPG (default: the cheapest that reaches the rate)",
    )
    group.add_argument(
        "--reconnect",
        type=number(0, 1e7, "number of seconds"),
        default=RECONNECT,
        metavar="SECONDS",
        help=f"seconds to wait for a lost camera; 0: fail immediately (default: {RECONNECT:g})",
    )
    add_image_options(result)


def check_inputs(options: argparse.Namespace) -> None:
    """Validate options before the model is loaded."""
    if options.source is not None:
        for name in ("camera_size", "camera_fps", "camera_format"):
            option = f"--{name.replace('_', '-')}"
            require(getattr(options, name) is None, f"{option} goes with --camera, not with --source")


def open_frames(options: argparse.Namespace, spec: ModelSpec, warn: Warn) -> FrameSource:
    """Make the source, not yet entered; a camera is asked for a mode that suits the model."""
    if options.source is not None:
        return open_source(options.source, options.frames or 1, warn, reader_of(options, warn))
    request = ModeRequest(
        options.camera_size, options.camera_fps, options.camera_format, minimum_size=(spec.width, spec.height)
    )
    return open_camera(options.camera, request, options.reconnect, warn, waiting=lambda: notify("WATCHDOG=1"))


def name_of(options: argparse.Namespace) -> str:
    """Display name of the source, password removed."""
    return options.source.name if options.source is not None else str(options.camera)
