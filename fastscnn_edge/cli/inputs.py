"""Input options of ``run``, and the frame source they select."""

from __future__ import annotations

import argparse
import glob
import os
import re
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ..errors import UsageError, require
from ..files import read_text
from ..log import Warn
from ..runtime.cameras.address import FORMS, CameraAddress, open_camera, parse
from ..runtime.cameras.reconnect import RECONNECT
from ..runtime.cameras.v4l2.modes import ModeRequest
from ..runtime.images.listing import natural_order
from ..runtime.sources.base import FrameSource
from ..runtime.sources.open import open_sources
from ..spec import ModelSpec
from ..urls import without_password
from .arguments import camera_size, file_path, number, parsed_by
from .images import add_image_options, add_max_size_option, add_recursive_option, reader_of
from .systemd import notify

CAMERA_VARIABLE = "FASTSCNN_EDGE_CAMERA"


def add_input_options(result: argparse.ArgumentParser) -> None:
    """Add ``--source``, ``--camera`` and the options of a camera."""
    result.add_argument(
        "sources",
        nargs="*",
        type=file_path,
        metavar="PATH",
        help="a picture, a folder of pictures or a video; several pictures and folders; a pattern such as 'a/*.jpg'; a "
        ".txt file with one path per line, or - for standard input",
    )
    result.add_argument(
        "--source", type=file_path, action="append", default=[], metavar="PATH", help="the same, as an option"
    )
    add_recursive_option(result)
    result.add_argument(
        "--camera",
        type=parsed_by(_camera),
        action="append",
        default=[],
        metavar="CAMERA",
        help="N or /dev/videoN (USB), csi or csi:N (Raspberry Pi, Jetson), rtsp://... or http://..., or file:PATH, a "
        "video or folder replayed as a live camera; 'fastscnn-edge cameras' lists the attached ones. Given "
        "several times, the cameras take turns. Other users can "
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
    words = [*options.sources, *options.source]
    require(not words or not options.camera, "give pictures or a video, or --camera, not both")
    if not words and not options.camera:
        address = os.environ.get(CAMERA_VARIABLE)
        require(bool(address), f"give a picture, folder or video, or --camera, or set {CAMERA_VARIABLE}")
        try:
            options.camera = [_camera(str(address))]
        except ValueError as error:
            raise UsageError(f"{CAMERA_VARIABLE}: {error}") from None
    twice = next((str(address) for address in options.camera if options.camera.count(address) > 1), None)
    require(twice is None, f"--camera {twice} is given twice")
    options.sources = expand(words)
    if options.sources:
        has_folder = any(path.is_dir() for path in options.sources)
        require(not options.recursive or has_folder, "--recursive is for a folder")
        for name in ("camera_size", "camera_fps", "camera_format"):
            option = f"--{name.replace('_', '-')}"
            require(getattr(options, name) is None, f"{option} goes with --camera")


_LIVE = re.compile(r"[a-z]+:/.*|/dev/video\d+|\d{1,2}|csi(:\d+)?", re.IGNORECASE)
"""What users hand over as a source that is a camera."""


def expand(words: Sequence[Path]) -> list[Path]:
    """Paths that words of a command line mean: files, folders, patterns, lists.

    Raises:
        UsageError: a word is a camera, a pattern matches nothing, or a list is empty or cannot be read.
    """
    found: list[Path] = []
    for word in words:
        text = str(word)
        if text == "-":
            found += _listed("standard input", sys.stdin.read() if sys.stdin is not None else "", Path())
        elif word.suffix.lower() == ".txt" and word.is_file():
            try:
                found += _listed(text, read_text(word), word.parent)
            except ValueError as error:
                raise UsageError(f"{text}, which should have a path on each line, {error}") from None
        elif word.exists():
            found.append(word)
        elif _LIVE.fullmatch(text):
            raise UsageError(f"{without_password(text)} is no file; a camera goes with --camera")
        elif any(mark in text for mark in "*?["):
            matches = sorted(glob.glob(text, recursive=True), key=natural_order)
            require(bool(matches), f"no file matches {text}")
            found += map(Path, matches)
        else:
            found.append(word)  # opening it says that it is missing
    return found


def _listed(name: str, text: str, folder: Path) -> list[Path]:
    """Paths of a list, relative to the current folder or, if there is no such file, to the list's."""
    lines = [line.strip() for line in text.splitlines()]
    paths = [Path(line) for line in lines if line and not line.startswith("#")]
    require(bool(paths), f"{name} names no file")
    return [path if path.exists() or not (folder / path).exists() else folder / path for path in paths]


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
    if options.sources:
        return open_sources(options.sources, options.frames or 1, warn, reader_of(options, warn), options.recursive)
    request = ModeRequest(
        options.camera_size, options.camera_fps, options.camera_format, minimum_size=(spec.width, spec.height)
    )

    def opened(address: CameraAddress, say: Warn) -> FrameSource:
        return open_camera(address, request, options.reconnect, say, waiting=lambda: notify("WATCHDOG=1"))

    if len(options.camera) == 1:
        return opened(options.camera[0], warn)
    from ..runtime.cameras.several import SeveralCameras

    names = camera_names(options.camera)
    cameras = {
        name: opened(address, partial(_warn_of, warn, name))
        for name, address in zip(names, options.camera, strict=True)
    }
    return SeveralCameras(cameras, warn)


def _warn_of(warn: Warn, name: str, message: str) -> None:
    warn(f"{name}: {message}")


def camera_names(addresses: Sequence[CameraAddress]) -> list[str]:
    """Name of each camera, of letters, digits, dots and dashes, for files, tables and reports."""
    names: list[str] = []
    for address in addresses:
        text = str(address)
        if address.kind == "network":
            text = text.partition("://")[2].rpartition("@")[2].partition("/")[0]
        elif address.kind in ("v4l2", "file"):
            text = Path(text).stem if address.kind == "file" else Path(text).name
        name = re.sub(r"[^A-Za-z0-9.-]+", "-", text).strip("-.") or "camera"
        number = sum(other == name or other.startswith(f"{name}-") for other in names)
        names.append(f"{name}-{number + 1}" if number else name)
    return names


def name_of(options: argparse.Namespace) -> str:
    """Display name of the source, password removed."""
    if not options.sources:
        return ", ".join(map(str, options.camera))
    first, more = options.sources[0], len(options.sources) - 1
    return f"{first.name or first} and {more} more" if more else first.name or str(first)
