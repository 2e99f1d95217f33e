"""Input options of ``run``, and the frame source they select."""

from __future__ import annotations

import argparse
import os
import re

from ..errors import UsageError, require
from ..files import read_text
from ..log import Warn
from ..runtime.cameras.address import FORMS, CameraAddress, open_camera, parse
from ..runtime.cameras.reconnect import RECONNECT
from ..runtime.cameras.v4l2.modes import ModeRequest
from ..runtime.sources.base import FrameSource
from ..runtime.sources.open import open_source
from ..spec import ModelSpec
from .arguments import camera_size, file_path, number, parsed_by
from .images import add_image_options, add_max_size_option, add_recursive_option, reader_of
from .systemd import notify

CAMERA_VARIABLE = "FASTSCNN_EDGE_CAMERA"


def add_input_options(result: argparse.ArgumentParser) -> None:
    """Add ``--source``, ``--camera`` and the options of a camera."""
    add_recursive_option(result)
    where = result.add_mutually_exclusive_group()
    where.add_argument("--source", type=file_path, metavar="PATH", help="a picture, a folder of pictures or a video")
    where.add_argument(
        "--camera",
        type=parsed_by(_camera),
        metavar="CAMERA",
        help="N or /dev/videoN (USB), csi or csi:N (Raspberry Pi, Jetson), rtsp://... or http://..., or file:PATH, a "
        "video or folder replayed as a live camera; 'fastscnn-edge cameras' lists the attached ones. Other users can "
        "see passwords in command lines: @FILE reads the address from a file, and without --source and --camera it is "
        f"taken from {CAMERA_VARIABLE}",
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
    add_max_size_option(result)


def check_inputs(options: argparse.Namespace) -> None:
    """Validate options before the model is loaded; without a source, take the camera from the environment."""
    if options.source is None and options.camera is None:
        address = os.environ.get(CAMERA_VARIABLE)
        require(bool(address), f"give --source or --camera, or set {CAMERA_VARIABLE}")
        try:
            options.camera = _camera(str(address))
        except ValueError as error:
            raise UsageError(f"{CAMERA_VARIABLE}: {error}") from None
    if options.source is not None:
        require(not options.recursive or not options.source.is_file(), "--recursive is for a folder")
        looks_live = re.match(r"[a-z]+:/|/dev/video\d", str(options.source), re.IGNORECASE)
        require(looks_live is None or options.source.is_file(), "--source takes files; a camera goes with --camera")
        for name in ("camera_size", "camera_fps", "camera_format"):
            option = f"--{name.replace('_', '-')}"
            require(getattr(options, name) is None, f"{option} goes with --camera, not with --source")


def _camera(text: str) -> CameraAddress:
    """Parse ``text``, or after an @ the first line of the file it names."""
    if not text.startswith("@"):
        return parse(text)
    try:
        lines = read_text(text[1:]).split("\n")
    except ValueError as error:
        raise ValueError(f"{text[1:]}, which should have a camera's address, {error}") from None
    address = next((line.strip() for line in lines if line.strip()), "")
    try:
        return parse(address)
    except ValueError:  # its own message would quote the address
        raise ValueError(f"the first line of {text[1:]} is not a camera: {FORMS}") from None


def open_frames(options: argparse.Namespace, spec: ModelSpec, warn: Warn) -> FrameSource:
    """Make the source, not yet entered; a camera is asked for a mode that suits the model."""
    if options.source is not None:
        return open_source(options.source, options.frames or 1, warn, reader_of(options, warn), options.recursive)
    request = ModeRequest(
        options.camera_size, options.camera_fps, options.camera_format, minimum_size=(spec.width, spec.height)
    )
    return open_camera(options.camera, request, options.reconnect, warn, waiting=lambda: notify("WATCHDOG=1"))


def name_of(options: argparse.Namespace) -> str:
    """Display name of the source, password removed."""
    return options.source.name if options.source is not None else str(options.camera)
