"""``--memory-limit``: check of the estimated memory before a model is loaded."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from ..runtime.board.footprint import Footprint, Workload, require_fits
from ..runtime.board.memory import read_memory
from ..runtime.engines.open import describe_model
from ..runtime.images import list_images
from ..runtime.images.reader import image_size
from ..runtime.sources.images import VIDEO_SUFFIXES

HELP = (
    "refuse a model, before loading it, if the estimate is above this: a number of bytes with K, M or G, such as 128M"
)


def check_limit(limit: int | None, model: Path, work: Callable[[], Workload]) -> Footprint | None:
    """Estimate the peak for ``model`` and ``work``; None if there is no limit: nothing is read then.

    Raises:
        UsageError: the estimate is above ``limit`` bytes.
        ModelFileError: the model is missing, damaged or not of this package.
    """
    if limit is None:
        return None
    spec, engine = describe_model(model)
    return require_fits(spec, engine, model.stat().st_size, read_memory().rss or 0, limit, work())


def workload_of(
    source: Path | None,
    drawing: bool = False,
    held: int = 1,
    camera_size: tuple[int, int] | None = None,
    recursive: bool = False,
) -> Workload:
    """Describe what a run with this source needs memory for.

    Args:
        source: an image or folder, where the largest image counts, by its header; or a video, whose frames are assumed
            to have the model's size, since reading their size would load the video library; None for a camera.
        drawing: overlays are drawn.
        held: frames in memory at once.
        recursive: of a folder, also the images in its subfolders count.
        camera_size: (width, height) requested of the camera; None: the model's input size, which cameras should match.
    """
    if source is None:
        return Workload(camera_size and (camera_size[1], camera_size[0]), drawing=drawing, held=held)
    if source.suffix.lower() in VIDEO_SUFFIXES:
        return Workload(video=True, video_loaded="av" in sys.modules, drawing=drawing, held=held)
    files = list_images(source, recursive) if source.is_dir() else [source]
    sizes = [size for path in files if (size := image_size(path))]
    largest = max(sizes, key=lambda size: size[0] * size[1], default=None)
    return Workload(largest, images=True, drawing=drawing, held=held)
