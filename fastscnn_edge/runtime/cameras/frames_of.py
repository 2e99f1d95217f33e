"""Frames of whatever a program names: a picture, folder, video or camera."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..frames import Frame
from ..sources.open import open_source
from .address import open_camera, parse
from .v4l2.modes import ModeRequest


@contextmanager
def frames_of(source: str | int | os.PathLike[str], minimum_size: tuple[int, int]) -> Iterator[Iterator[Frame]]:
    """Open a source and yield its frames.

    Args:
        source: path of a picture, folder or video, or a camera's address or number.
        minimum_size: (width, height) that a camera's frames should not be below.

    Raises:
        SourceError: there is no such source.
    """
    path = None if isinstance(source, int) else Path(source)
    if path is not None and path.exists() and not path.is_char_device():
        opened = open_source(path)
    else:
        try:
            address = parse(str(source))
        except ValueError:
            address = None
        if address is None:
            opened = open_source(str(source))  # says that it is missing
        else:
            opened = open_camera(address, ModeRequest(minimum_size=minimum_size))
    with opened as frames:
        try:
            yield iter(frames)
        finally:
            opened.stop()
