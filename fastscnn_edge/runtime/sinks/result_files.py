"""Sink that writes an overlay and a mask file per frame."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ...errors import OutputError
from ...files import atomic_path
from ...files.unfinished import remove_leftovers
from ...spec import ClassSet
from ..frames import SegmentedFrame
from .overlay import overlay, overlay_bands
from .png import BAND, write_gray, write_indexed, write_rgb
from .style import PLAIN, Style


class ResultFiles:
    """Writes NAME_overlay and NAME_mask.png (by default indexed, pixel value = class) into a folder.

    Overlays are PNG for still pictures, and JPEG for the many frames of a video or camera.

    Args:
        folder: created when the first result is written.
        class_set: names and colors.
        moving: the frames are those of a video or camera.
        style: looks of overlays, and format of masks.

    Raises:
        OutputError: ``folder`` cannot be written.
    """

    def __init__(self, folder: Path, class_set: ClassSet, moving: bool, style: Style = PLAIN) -> None:
        check_writable(folder)
        remove_leftovers(folder)
        self._folder, self._class_set, self._moving, self._style = folder, class_set, moving, style
        self._last_name: str | None = None

    def write(self, result: SegmentedFrame) -> None:
        """Write both files of ``result``. A repeated picture is written once."""
        frame, class_map = result.frame, result.class_map
        if frame.name == self._last_name:
            return
        suffix = ".jpg" if self._moving else ".png"
        with atomic_path(self._folder / f"{frame.name}_overlay{suffix}", durable=False) as path:
            if self._moving:
                image = overlay(frame.rgb, class_map, self._class_set, False, self._style)
                # Without chroma subsampling, which would smear the legend's small type.
                image.save(path, format="JPEG", quality=88, subsampling=0)
            else:  # may have many megapixels
                size, bands = overlay_bands(frame.rgb, class_map, self._class_set, self._style)
                with path.open("wb") as stream:
                    write_rgb(stream, size, bands)
        with atomic_path(self._folder / f"{frame.name}_mask.png", durable=False) as path, path.open("wb") as stream:
            _write_mask(stream, class_map, self._class_set, self._style.mask_format)
        self._last_name = frame.name

    def close(self) -> None:
        """Do nothing: each file is published as it is written."""

    discard = close


def _write_mask(stream: BinaryIO, class_map: np.ndarray, class_set: ClassSet, kind: str) -> None:
    palette = np.asarray(class_set.palette, np.uint8)
    if kind == "gray":
        write_gray(stream, class_map)
    elif kind == "color":
        height, width = class_map.shape
        bands = (palette[class_map[top : top + BAND]] for top in range(0, height, BAND))
        write_rgb(stream, (height, width), bands)
    else:
        write_indexed(stream, class_map, palette)


def check_writable(folder: Path) -> None:
    """Raise OutputError now rather than after the work if ``folder`` cannot be created or written.

    Nothing is created: a probe file without a name is opened in the nearest folder that exists. Permission bits
    would not detect a read-only file system.
    """
    existing = folder.absolute()
    try:
        while not existing.exists():
            existing = existing.parent
        if not existing.is_dir():
            raise OutputError(f"cannot write into {folder}: {existing} is not a folder")
        if not os.access(existing, os.W_OK | os.X_OK):
            raise OutputError(f"cannot write into {folder}: no permission; choose a writable folder")
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise OutputError(f"cannot write into {folder}: {error.strerror}; choose a writable folder") from error
